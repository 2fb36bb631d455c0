//! What decides the colour of a point: two and three maps, opacity, categories, thresholds, and what is missing.
#![expect(
    clippy::large_types_passed_by_value,
    reason = "a test passes few layers"
)]

use std::borrow::Cow;

use heschl_core::brain::{NO_DATA, Subject};
use heschl_core::scene::{
    BelowThreshold, Camera, Category, ColourMap, ColourMap2d, ColourScale, ColourScale2d,
    Colouring, DataMap, FADED_OPACITY, Interior, Layer, LayerStyle, Marks, MissingLook, Opacity,
    Picture, PointColour, PointKind, Pose, Scene, Underlay, Visibility, colours, draw_flat,
};

/// Values of both hemispheres that are the same everywhere.
struct Map([Vec<f32>; 2]);

impl Map {
    fn of(value: f32) -> Self {
        Self([vec![value; 10_242], vec![value; 10_242]])
    }

    fn data(&self) -> DataMap<'_> {
        DataMap::Vertices([&self.0[0], &self.0[1]])
    }
}

fn viridis() -> ColourMap {
    "viridis".parse().unwrap()
}

/// A layer; its style lives as long as its data.
fn layer<'a>(data: DataMap<'a>, style: LayerStyle<'a>) -> Layer<'a> {
    Layer {
        data,
        scale: ColourScale {
            map: viridis(),
            limits: [0.0, 1.0],
        },
        threshold: None,
        style,
    }
}

fn scene(layer: Option<Layer<'_>>) -> Scene<'_> {
    Scene {
        subject: Subject::fsaverage5(),
        pose: Pose::default(),
        camera: Camera {
            azimuth: 0.0,
            altitude: 0.0,
            radius: 1.0,
            target: [0.0; 3],
        },
        underlay: Underlay::Plain,
        layer,
        outlines: None,
        marks: Marks::default(),
        interior: Interior::default(),
        is_lit: false,
    }
}

fn drawn(layer: Layer<'_>) -> (Picture, Visibility) {
    draw_flat(&scene(Some(layer)), [120, 60], 1).unwrap()
}

/// What the whole map shows.
fn shown(layer: &Layer<'_>) -> PointColour {
    let (_, seen) = drawn(*layer);
    let all = colours(layer, Subject::fsaverage5(), &seen, 1);
    let mut points = all.into_iter().flatten();
    let first = points.next().unwrap();
    assert!(points.all(|point| point == first));
    first
}

#[test]
fn three_maps_are_red_green_and_blue_and_none_without_all() {
    let (red, green, blue) = (Map::of(0.25), Map::of(5.0), Map::of(-1.0));
    let style = |others| LayerStyle {
        colouring: Colouring::Rgb {
            others,
            limits: [[0.0, 1.0], [0.0, 10.0], [-2.0, 0.0]],
        },
        ..LayerStyle::default()
    };
    let both = layer(red.data(), style([green.data(), blue.data()]));
    // Towards zero, as NumPy's astype(uint8).
    assert_eq!(shown(&both).rgba, [63, 127, 127, 255]);
    let missing = Map::of(f32::NAN);
    let without = shown(&layer(red.data(), style([green.data(), missing.data()])));
    assert_eq!(without.kind, PointKind::NotANumber);
    assert_eq!(without.rgba, [0; 4]);
    let nothing = Map::of(NO_DATA);
    let without = shown(&layer(
        nothing.data(),
        style([green.data(), missing.data()]),
    ));
    assert_eq!(without.kind, PointKind::NoData);
}

#[test]
fn two_maps_and_a_map_of_opacity_agree_where_they_mean_the_same() {
    let (value, share) = (Map::of(0.7), Map::of(0.4));
    let scale = ColourScale2d {
        map: Cow::Owned(ColourMap2d::named("viridis_alpha").unwrap()),
        limits: [[0.0, 1.0], [0.0, 1.0]],
    };
    let two = LayerStyle {
        colouring: Colouring::Two {
            second: share.data(),
            scale: &scale,
        },
        ..LayerStyle::default()
    };
    let opacity = LayerStyle {
        opacity: Some(Opacity {
            data: share.data(),
            limits: [0.0, 1.0],
        }),
        ..LayerStyle::default()
    };
    // The map of two values rounds to one of 255 steps, the other to one of 256 colours.
    let expected = viridis().colour(0.7);
    for style in [two, opacity] {
        let [red, green, blue, alpha] = shown(&layer(value.data(), style)).rgba;
        let apart = [red, green, blue].into_iter().zip(expected);
        assert!(
            apart.into_iter().all(|(a, b)| a.abs_diff(b) <= 3),
            "{red} {green} {blue}"
        );
        assert_eq!(alpha, 102);
    }
    // Over the grey of 0.5.
    let (picture, _) = drawn(layer(value.data(), opacity));
    let pixel = picture
        .rgba
        .chunks_exact(4)
        .find(|pixel| pixel[3] == 255)
        .unwrap();
    for (found, colour) in pixel.iter().zip(expected) {
        let mixed = 0.6 * 127.5 + 0.4 * f64::from(colour);
        assert!((f64::from(*found) - mixed).abs() <= 1.0, "{found} {mixed}");
    }
}

#[test]
fn categories_have_their_colours_and_other_numbers_have_none() {
    let categories = [(3, [1, 2, 3]), (4, [4, 5, 6])].map(|(value, colour)| Category {
        value,
        name: value.to_string(),
        colour,
    });
    for (value, rgba, kind) in [
        (3.0, [1, 2, 3, 255], PointKind::Value),
        (4.0, [4, 5, 6, 255], PointKind::Value),
        (5.0, [0; 4], PointKind::NotANumber),
    ] {
        let map = Map::of(value);
        let style = LayerStyle {
            colouring: Colouring::Categories(&categories),
            ..LayerStyle::default()
        };
        let found = shown(&layer(map.data(), style));
        assert_eq!((found.rgba, found.kind), (rgba, kind));
    }
}

fn style<'a>(below: BelowThreshold, missing: MissingLook) -> LayerStyle<'a> {
    LayerStyle {
        below,
        missing,
        ..LayerStyle::default()
    }
}

#[test]
fn below_the_threshold_not_a_number_and_no_data_look_different() {
    let picture = |value: f32, below, missing| {
        let map = Map::of(value);
        let mut own = layer(map.data(), style(below, missing));
        own.threshold = Some(0.5);
        drawn(own).0.rgba
    };
    let (hidden, faded) = (BelowThreshold::Hidden, BelowThreshold::Faded);
    let (plain, marked) = (MissingLook::Plain, MissingLook::Marked);
    let pictures = [
        picture(0.2, hidden, marked),
        picture(0.2, faded, marked),
        picture(f32::NAN, hidden, marked),
        picture(NO_DATA, hidden, marked),
        picture(0.8, hidden, marked),
    ];
    for (index, own) in pictures.iter().enumerate() {
        assert!(
            pictures[..index].iter().all(|other| other != own),
            "{index}"
        );
    }
    // As in pycortex, nothing is marked unless that is asked for.
    assert_eq!(picture(f32::NAN, hidden, plain), pictures[0]);
    assert_eq!(picture(NO_DATA, hidden, plain), pictures[0]);
    let map = Map::of(0.2);
    let mut own = layer(map.data(), style(faded, marked));
    own.threshold = Some(0.5);
    let found = shown(&own);
    assert_eq!(found.kind, PointKind::BelowThreshold);
    assert_eq!(found.rgba[3], (255.0 * FADED_OPACITY).round() as u8);
}
