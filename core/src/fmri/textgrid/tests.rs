//! `TextGrid` files from different programs.

use super::*;

const LONG: &str = "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = 2\ntiers? <exists>\n\
    size = 2\nitem []:\n    item [1]:\n        class = \"IntervalTier\"\n        name = \"phone\"\n        xmin = 0\n\
    xmax = 2\n        intervals: size = 1\n        intervals [1]:\n            xmin = 0\n            xmax = 2\n\
    text = \"AA1\"\n    item [2]:\n        class = \"IntervalTier\"\n        name = \"word\"\n        xmin = 0\n\
    xmax = 2\n        intervals: size = 2\n        intervals [1]:\n            xmin = 0\n            xmax = 0.5\n\
    text = \"{sp}\"\n        intervals [2]:\n            xmin = 0.5\n            xmax = 2\n\
    text = \"Say \"\"Ah 5\"\"\"\n";
const SHORT: &str = "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n0\n2\n<exists>\n2\n\"IntervalTier\"\n\
    \"phone\"\n0\n2\n1\n0\n2\n\"AA1\"\n\"IntervalTier\"\n\"word\"\n0\n2\n2\n0\n0.5\n\"{sp}\"\n0.5\n2\n\"Say \"\"Ah 5\"\"\"\n";
const CHRONOLOGICAL: &str = "\"Praat chronological TextGrid text file\"\n0 2   ! Time domain.\n2   ! Number of tiers.\n\
    \"IntervalTier\" \"phone\" 0 2\n\"IntervalTier\" \"word\" 0 2\n\n2 0 0.5\n\"{sp}\"\n\n1 0 2\n\"AA1\"\n\n2 0.5 2\n\
    \"Say \"\"Ah 5\"\"\"";

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let marked = format!("\u{feff}{text}");
    marked.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn all_forms_and_encodings_say_the_same() {
    let grid = TextGrid::parse(LONG.as_bytes()).unwrap();
    assert_eq!(grid.tiers.len(), 2);
    assert_eq!(grid.tiers[1].intervals[1].text, "Say \"Ah 5\"");
    for text in [LONG, SHORT, CHRONOLOGICAL] {
        let windows = text.replace('\n', "\r\n");
        let forms = [
            text.as_bytes().to_vec(),
            windows.into_bytes(),
            utf16(text, u16::to_be_bytes),
            utf16(text, u16::to_le_bytes),
        ];
        for bytes in forms {
            assert_eq!(TextGrid::parse(&bytes).unwrap(), grid);
        }
    }
}

#[test]
fn words_are_lower_case_and_pauses_are_none() {
    let grid = TextGrid::parse(SHORT.as_bytes()).unwrap();
    let words = grid.words().unwrap();
    assert_eq!(words.len(), 1);
    assert_eq!(words[0].text, "say \"ah 5\"");
    assert!((words[0].midpoint_secs() - 1.25).abs() < 1e-12);
    assert_eq!(grid.phones().unwrap()[0].text, "aa1");
}

#[test]
fn a_file_cut_anywhere_is_refused_or_shorter_but_never_a_panic() {
    for text in [LONG, SHORT] {
        let whole = TextGrid::parse(text.as_bytes()).unwrap();
        let parsed = (0..text.trim_end().len()).map(|cut| TextGrid::parse(&text.as_bytes()[..cut]));
        let read: Vec<_> = parsed.flatten().collect();
        // Two quotes are an escaped quote: truncated after the first, the text ends there.
        assert_eq!(read.len(), 2);
        assert!(read.iter().all(|grid| *grid != whole));
    }
    let claims = SHORT.replacen("\n1\n0\n2\n\"AA1\"", "\n1e300\n0\n2\n\"AA1\"", 1);
    let error = TextGrid::parse(claims.as_bytes()).unwrap_err();
    assert!(matches!(error, TextGridError::Unexpected { .. }), "{error}");
    for (bytes, expected) in [
        (&b"<html>"[..], TextGridError::NoTextGrid),
        (b"", TextGridError::NoTextGrid),
        (b"ooBinaryFile\x08TextGrid", TextGridError::Binary),
        (b"\xff\xff\xff", TextGridError::Encoding),
    ] {
        assert_eq!(TextGrid::parse(bytes).unwrap_err(), expected);
    }
}

/// A grid of named tiers, with labels of one second each.
fn grid(tiers: &[(&str, &[&str])]) -> TextGrid {
    let interval = |(second, text): (usize, &&str)| Interval {
        start_secs: second as f64,
        end_secs: second as f64 + 1.0,
        text: (*text).to_string(),
    };
    let tier = |(name, labels): &(&str, &[&str])| Tier {
        name: (*name).to_string(),
        intervals: labels.iter().enumerate().map(interval).collect(),
    };
    TextGrid {
        tiers: tiers.iter().map(tier).collect(),
    }
}

fn labels(intervals: &[Interval]) -> Vec<&str> {
    intervals
        .iter()
        .map(|interval| interval.text.as_str())
        .collect()
}

#[test]
fn tiers_are_chosen_by_name_wherever_they_stand() {
    let words: &[&str] = &["", "SAY", "AH"];
    let phones: &[&str] = &["", "S", "EY1", "AA1"];
    for (word_tier, phone_tier) in [
        ("word", "phone"),
        ("words", "phones"),
        ("Anna - words", "Anna - phones"),
        ("WordTier", "PhoneTier"),
        ("words_1", "phonemes_1"),
        ("ORT-MAU", "MAU"),
        ("Wörter", "Phoneme"),
    ] {
        for others in [&[][..], &[("utterances", &["say ah"][..])]] {
            for swapped in [false, true] {
                let mut tiers = vec![(word_tier, words), (phone_tier, phones)];
                if swapped {
                    tiers.reverse();
                }
                let all: Vec<_> = others.iter().copied().chain(tiers).collect();
                let grid = grid(&all);
                assert_eq!(labels(&grid.words().unwrap()), ["say", "ah"], "{all:?}");
                assert_eq!(
                    labels(&grid.phones().unwrap()),
                    ["s", "ey1", "aa1"],
                    "{all:?}"
                );
                let chosen = grid.speech(SpeechUnit::Words, EmptyLabels::Pauses).unwrap();
                assert_eq!((chosen.choice, chosen.warning()), (TierChoice::Named, None));
            }
        }
    }
}

#[test]
fn what_no_name_decides_is_told_or_refused() {
    let silent = grid(&[("A", &["AA1"]), ("B", &["ah"])]);
    let words = silent
        .speech(SpeechUnit::Words, EmptyLabels::Pauses)
        .unwrap();
    assert_eq!(
        (labels(&words.intervals), words.choice),
        (vec!["ah"], TierChoice::Place)
    );
    assert!(words.warning().unwrap().contains("\"A\", \"B\""));
    let two = grid(&[
        ("Anna - words", &["ah"]),
        ("Ben - words", &["oh"]),
        ("Cy - words", &[""]),
    ]);
    let words = two.speech(SpeechUnit::Words, EmptyLabels::Pauses).unwrap();
    assert_eq!(
        (labels(&words.intervals), words.choice),
        (vec!["ah"], TierChoice::FirstNamed)
    );
    assert!(words.warning().is_some());
    let filled = grid(&[("words", &[""]), ("words", &["oh"])]);
    assert_eq!(labels(&filled.words().unwrap()), ["oh"]);
    for refused in [
        grid(&[("utterances", &["say ah"]), ("words", &["say"])]).phones(),
        grid(&[("words", &["say"]), ("sentences", &["say ah"])]).phones(),
        grid(&[("phones", &["s"])]).words(),
        grid(&[("phones", &["s"]), ("speaker", &["Anna"])]).words(),
    ] {
        assert!(
            matches!(refused, Err(TextGridError::NoSuchTier { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(grid(&[]).words(), Err(TextGridError::NoTiers));
}

#[test]
fn labels_of_silence_are_pauses() {
    let pauses = [
        "",
        " ",
        "sil",
        "SIL",
        "sp",
        "SP",
        "spn",
        "<eps>",
        "<sil>",
        "<p:>",
        "[noise]",
        "{sp}",
        "{BR}",
        "{ns}",
        "lg",
        "<SILENCE>",
        "sentence_start",
    ];
    let speech = ["silence", "pause", "a", "<unk>", "{um}", "eps", "(he)"];
    let all: Vec<&str> = pauses.iter().chain(&speech).copied().collect();
    let grid = grid(&[("words", &all), ("phones", &["h#", "pau", "SIL", "AA1"])]);
    let found = grid.words().unwrap();
    assert_eq!(labels(&found), speech);
    assert_eq!(labels(&grid.phones().unwrap()), ["aa1"]);
}

#[test]
fn entries_without_a_label_count_as_the_recipe_says() {
    let n = |labels: &[&str], empty| {
        let chosen = grid(&[("words", labels)]).speech(SpeechUnit::Words, empty);
        chosen
            .map(|chosen| (chosen.intervals.len(), chosen.n_empty))
            .unwrap()
    };
    // As in the study's files: pauses are "sp", and an entry without a label is one of the words.
    let study = ["sp", "the", "", "{BR}", " ", "cat", "sp"];
    let aligned = ["", "the", "", "cat", ""];
    let mixed = ["sp", "the", "", "sil", "cat"];
    for (labels, pauses, entries, as_in_study) in [
        (&study[..], (2, 0), (4, 2), (4, 2)),
        (&aligned, (2, 0), (5, 3), (2, 0)),
        (&mixed, (2, 0), (3, 1), (2, 0)),
    ] {
        assert_eq!(n(labels, EmptyLabels::Pauses), pauses);
        assert_eq!(n(labels, EmptyLabels::Entries), entries);
        assert_eq!(n(labels, EmptyLabels::AsInStudy), as_in_study);
    }
}

#[test]
fn what_contradicts_itself_is_refused_with_its_reason() {
    let comma = LONG.replace("0.5", "0,5");
    let error = TextGrid::parse(comma.as_bytes()).unwrap_err();
    assert_eq!(error, TextGridError::DecimalComma { text: "0,5".into() });
    let too_few = SHORT.replacen("\"word\"\n0\n2\n2\n", "\"word\"\n0\n2\n1\n", 1);
    let error = TextGrid::parse(too_few.as_bytes()).unwrap_err();
    assert!(matches!(error, TextGridError::Longer { .. }), "{error}");
    let too_many = SHORT.replacen("\"word\"\n0\n2\n2\n", "\"word\"\n0\n2\n3\n", 1);
    let error = TextGrid::parse(too_many.as_bytes()).unwrap_err();
    assert!(matches!(error, TextGridError::CutOff { .. }), "{error}");
    let inner = SHORT.replacen("\"phone\"\n0\n2\n1\n", "\"phone\"\n0\n2\n2\n", 1);
    let error = TextGrid::parse(inner.as_bytes()).unwrap_err();
    assert!(matches!(error, TextGridError::Unexpected { .. }), "{error}");
}
