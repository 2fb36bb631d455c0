//! Parcellations: `lh.aparc.annot`.

use std::collections::BTreeMap;

use crate::files::formats::encode_error::EncodeError;
use crate::files::formats::mesh::{BigEndian, LabelledVertices, TableEntry};

/// The number before a table of colours.
const TAG_TABLE: i32 = 1;
/// What black stands for, whose number is 0.
const NO_REGION: &str = "no region";

/// Reads a parcellation with its table of colours, of either version. The number of a region is its colour's, as at vertices.
///
/// A vertex of a number that is not in the table has no region; more than a few are noted.
///
/// # Errors
/// Returns a clause if it is cut off, a vertex is listed twice or does not exist, or there is no table.
pub fn parse(bytes: &[u8]) -> Result<LabelledVertices, String> {
    let mut numbers = BigEndian::new(bytes);
    let n_vertices = numbers.count("vertices")?;
    let n_bytes = n_vertices
        .checked_mul(8)
        .ok_or("it has too many vertices")?;
    let pairs = numbers.take(n_bytes)?.as_chunks::<4>().0.as_chunks::<2>().0;
    if numbers.i32().ok() != Some(TAG_TABLE) {
        return Err("it has no table of regions and their colours".into());
    }
    let table = table(&mut numbers)?;
    let (by_number, mut notes) = index(&table)?;
    let mut of_vertex: Vec<Option<Option<u16>>> = vec![None; n_vertices];
    let mut n_unknown = 0_usize;
    for pair in pairs {
        let [vertex, number] = pair.map(i32::from_be_bytes);
        let place = usize::try_from(vertex).ok();
        let place = place.and_then(|vertex| of_vertex.get_mut(vertex));
        let place = place.ok_or_else(|| {
            format!("it labels vertex {vertex}, but there are {n_vertices} vertices")
        })?;
        if place.is_some() {
            return Err(format!("it labels vertex {vertex} twice"));
        }
        let region = by_number.get(&number).copied();
        // 0 is FreeSurfer's "no region".
        n_unknown += usize::from(region.is_none() && number != 0);
        *place = Some(region);
    }
    if n_unknown > 0 {
        notes.push(format!(
            "{n_unknown} of {n_vertices} vertices have a colour that is not in the table of regions; they have no region."
        ));
    }
    Ok(LabelledVertices {
        table,
        of_vertex: of_vertex.into_iter().map(Option::flatten).collect(),
        notes,
    })
}

/// Indices of the table by number. Of regions with one number, the first counts, as in FreeSurfer.
fn index(table: &[TableEntry]) -> Result<(BTreeMap<i32, u16>, Vec<String>), String> {
    let mut by_number = BTreeMap::new();
    let mut notes = Vec::new();
    for (index, entry) in table.iter().enumerate() {
        let index = u16::try_from(index).map_err(|_| "it has more than 65536 regions")?;
        if let Some(first) = by_number.get(&entry.key) {
            notes.push(format!(
                "The regions \"{}\" and \"{}\" have the same colour; its vertices are taken to be of the first.",
                table[usize::from(*first)].name,
                entry.name
            ));
        } else {
            by_number.insert(entry.key, index);
        }
    }
    Ok((by_number, notes))
}

/// A table of version 1 begins with the number of its entries, one of version 2 with -2.
fn table(numbers: &mut BigEndian) -> Result<Vec<TableEntry>, String> {
    let first = numbers.i32()?;
    let is_second = first < 0;
    if is_second {
        if first != -2 {
            return Err(format!(
                "its table of regions has version {}",
                first.unsigned_abs()
            ));
        }
        let _most = numbers.count("regions")?;
    }
    let _file = text(numbers)?;
    let n_entries = if is_second {
        numbers.count("regions")?
    } else {
        first as usize
    };
    let mut entries: BTreeMap<usize, TableEntry> = BTreeMap::new();
    for position in 0..n_entries {
        let place = if is_second {
            numbers.count("regions before one")?
        } else {
            position
        };
        let entry = entry(numbers)?;
        if let Some(other) = entries.insert(place, entry) {
            return Err(format!("two regions have the place of \"{}\"", other.name));
        }
    }
    Ok(entries.into_values().collect())
}

fn entry(numbers: &mut BigEndian) -> Result<TableEntry, String> {
    let name = text(numbers)?;
    let mut part = || {
        let value = numbers.i32()?;
        u8::try_from(value)
            .map_err(|_| format!("the region \"{name}\" has the colour value {value}"))
    };
    let [red, green, blue, transparency] = [part()?, part()?, part()?, part()?];
    Ok(TableEntry {
        key: i32::from_be_bytes([0, blue, green, red]),
        // The file says how transparent it is, not how opaque.
        colour: Some([red, green, blue, 255 - transparency]),
        name,
    })
}

/// A text with its length before it, ended by a zero.
fn text(numbers: &mut BigEndian) -> Result<String, String> {
    let n_bytes = numbers.count("letters in a name")?;
    let bytes = numbers.take(n_bytes)?;
    let end = bytes.iter().position(|byte| *byte == 0);
    let bytes = &bytes[..end.unwrap_or(bytes.len())];
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// The bytes of a parcellation, with a table of colours of version 2. A region's number is that of its colour; vertices without
/// a region have the number 0.
///
/// * `regions`: the regions of one hemisphere. Regions without a colour get one, the same each time.
///
/// # Errors
/// Returns an [`EncodeError`] if there are no vertices, two regions have the same colour, or a region's colour is black, whose
/// number is 0, while there are vertices without a region.
pub fn encode(regions: &LabelledVertices) -> Result<Vec<u8>, EncodeError> {
    let n_vertices = regions.of_vertex.len();
    if n_vertices == 0 {
        return Err(EncodeError::NoMaps);
    }
    let has_gaps = regions.of_vertex.contains(&None);
    let reserved = has_gaps.then_some(([0; 3], NO_REGION));
    let colours = colours(&regions.table, reserved)?;
    let number = |[red, green, blue, _]: [u8; 4]| i32::from_be_bytes([0, blue, green, red]);
    let mut bytes = Vec::with_capacity(8 * n_vertices + 64 * regions.table.len());
    bytes.extend(whole(n_vertices)?);
    for (vertex, region) in regions.of_vertex.iter().enumerate() {
        let colour = region.and_then(|region| colours.get(usize::from(region)));
        bytes.extend(whole(vertex)?);
        bytes.extend(colour.map_or(0, |colour| number(*colour)).to_be_bytes());
    }
    for word in [TAG_TABLE, -2] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(whole(colours.len())?);
    push_text(&mut bytes, "none")?;
    bytes.extend(whole(colours.len())?);
    for (index, (entry, colour)) in regions.table.iter().zip(&colours).enumerate() {
        bytes.extend(whole(index)?);
        push_text(&mut bytes, &entry.name)?;
        let [red, green, blue, opacity] = *colour;
        for part in [red, green, blue, 255 - opacity] {
            bytes.extend(i32::from(part).to_be_bytes());
        }
    }
    Ok(bytes)
}

fn whole(n: usize) -> Result<[u8; 4], EncodeError> {
    let number = i32::try_from(n).map_err(|_| EncodeError::TooMany {
        what: format!("{n} vertices"),
        format: "FreeSurfer's parcellation",
        most: i32::MAX as usize,
    });
    number.map(i32::to_be_bytes)
}

fn push_text(bytes: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
    let text = text.replace('\0', " ");
    bytes.extend(whole(text.len() + 1)?);
    bytes.extend(text.bytes());
    bytes.push(0);
    Ok(())
}

/// The colours of a table, all of them different, also from the one that is reserved for something else.
fn colours<'a>(
    table: &'a [TableEntry],
    reserved: Option<([u8; 3], &'a str)>,
) -> Result<Vec<[u8; 4]>, EncodeError> {
    let mut names: BTreeMap<[u8; 3], &str> = reserved.into_iter().collect();
    for entry in table {
        let Some([red, green, blue, _]) = entry.colour else {
            continue;
        };
        if let Some(first) = names.insert([red, green, blue], &entry.name) {
            return Err(EncodeError::SameColour {
                first: first.to_string(),
                second: entry.name.clone(),
            });
        }
    }
    let mut fresh = 0_u32;
    let mut colours = Vec::with_capacity(table.len());
    for entry in table {
        if let Some(colour) = entry.colour {
            colours.push(colour);
            continue;
        }
        let [red, green, blue] = loop {
            fresh += 1;
            // Multiples of an odd number run through all colours before one comes again, and neighbours differ.
            let [_, red, green, blue] = fresh.wrapping_mul(0x9E_37_79).to_be_bytes();
            if !names.contains_key(&[red, green, blue]) {
                break [red, green, blue];
            }
        };
        names.insert([red, green, blue], &entry.name);
        colours.push([red, green, blue, 255]);
    }
    Ok(colours)
}
