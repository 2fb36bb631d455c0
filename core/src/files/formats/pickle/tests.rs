use std::fmt::Write as _;

use super::*;

/// Asserts that the pickle is rejected with a message that contains `expected`.
fn check_refused(pickle: &[u8], expected: &str) {
    let fault = parse(pickle).expect_err(expected);
    let sentence = match fault {
        PickleFault::Damaged(reason) => reason,
        PickleFault::Call(name) => format!("calls {name}"),
    };
    assert!(sentence.contains(expected), "{sentence}");
}

/// Asserts that the pickle is rejected because it calls `name`.
fn check_call_refused(pickle: &[u8], name: &str) {
    check_refused(pickle, &format!("calls {name}"));
}

#[test]
fn calls_are_refused_by_name_whatever_instruction_asks_for_them() {
    check_call_refused(b"cposix\nsystem\n(S'true'\ntR.", "posix.system");
    check_call_refused(b"(S'true'\nios\nsystem\n.", "os.system");
    check_call_refused(b"(cos\nsystem\nS'true'\no.", "os.system");
    check_call_refused(b"\x80\x02cposix\nsystem\n)\x81.", "posix.system");
    check_call_refused(b"\x80\x02cposix\nsystem\n)}\x92.", "posix.system");
    check_call_refused(
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
        "builtins.eval",
    );
    check_call_refused(b"csubprocess\nPopen\n(S'true'\ntR.", "subprocess.Popen");
    check_call_refused(
        b"c__builtin__\ngetattr\n(cos\n\nS'system'\ntR.",
        "__builtin__.getattr",
    );
    check_call_refused(
        b"ctorch._tensor\n_rebuild_from_type_v2\n(cposix\nsystem\nN(S'true'\ntNtR.",
        "posix.system",
    );
}

#[test]
fn a_name_from_a_file_is_shown_without_control_characters_and_cut() {
    check_call_refused(b"\x8c\x01a\x8c\x03\x1b[m\x93)R.", "a.\\u{1b}[m");
    let long = format!("c{}\nb\n)R.", "a".repeat(10_000));
    let fault = parse(long.as_bytes()).unwrap_err();
    assert_eq!(fault, PickleFault::Call("a".repeat(200)));
}

#[test]
fn names_that_are_not_called_do_no_harm() {
    let pickle = parse(b"}(S'a'\ncposix\nsystem\nS'b'\nI1\nu.").unwrap();
    assert_eq!(pickle.values.entries(pickle.root).unwrap().len(), 2);
}

#[test]
fn a_list_in_itself_is_read_and_given_up_again() {
    let pickle = parse(b"]q\x00h\x00a.").unwrap();
    assert_eq!(
        pickle.values.sequence(pickle.root),
        Some(&[pickle.root][..])
    );
}

#[test]
fn depth_is_refused_where_it_waits_and_does_no_harm_where_it_does_not() {
    let many = 1_000_000;
    check_refused(&b"]".repeat(many), "piles up more than 100000 values");
    check_refused(&b"(".repeat(many), "more than 1000 groups");
    let nested = [&b")"[..], &b"\x85".repeat(many), b"."].concat();
    drop(parse(&nested).unwrap());
}

#[test]
fn claimed_lengths_are_checked_before_memory_is_taken() {
    let huge = (1_u64 << 60).to_le_bytes();
    for instruction in [0x8d, 0x8e, 0x96, 0x95] {
        let pickle = [&[0x80, 5, instruction][..], &huge].concat();
        check_refused(
            &pickle,
            "asks for 1152921504606846976 bytes where 0 are left",
        );
    }
    check_refused(
        b"\x8b\xff\xff\xff\x7f1.",
        "asks for 2147483647 bytes where 2 are left",
    );
    check_refused(
        b"X\xff\xff\xff\xffab",
        "asks for 4294967295 bytes where 2 are left",
    );
}

#[test]
fn a_memo_bomb_takes_no_more_than_its_own_length() {
    let mut bomb = String::from("]p0\n0");
    for level in 1..100 {
        let inner = format!("g{}\n", level - 1).repeat(10);
        write!(bomb, "({inner}lp{level}\n0").unwrap();
    }
    bomb.push_str("g99\n.");
    assert_eq!(parse(bomb.as_bytes()).unwrap().values.len(), 100);
}

#[test]
fn work_and_values_are_bounded() {
    check_refused(&b"N0".repeat(2_000_001), "more than 1048576 values");
    let list = [
        &b"(ccollections\nOrderedDict\np0\n0("[..],
        &b"I1\nI1\n\x86".repeat(10_000),
    ]
    .concat();
    let dicts = b"g0\ng1\n\x85R0".repeat(1000);
    let bomb = [&list[..], b"lp1\n0", &dicts, b"N."].concat();
    check_refused(&bomb, "more than 1048576 values");
}

#[test]
fn nonsense_is_refused() {
    check_refused(b"", "asks for 1 bytes where 0 are left");
    check_refused(b".", "uses a value that is not there");
    check_refused(b"N(00.", "uses a value that is not there");
    check_refused(b"Nt.", "closes a group that is not open");
    check_refused(b"N(R.", "uses a value that is not there");
    check_refused(b"h\x07.", "recalls a value that it did not remember");
    check_refused(b"g-1\n.", "remembered under no number");
    check_refused(b"}(I1\nu.", "a key in it has no value");
    check_refused(b"I1\n)R.", "calls what is no function");
    check_refused(b"\x80\x06N.", "newer than 5");
    check_refused(b"\x82\x01.", "the byte 0x82");
    check_refused(b"I1", "a line in it does not end");
    check_refused(b"NQ.", "names numbers outside it in an unknown way");
    check_refused(b"S'a\n.", "has no quotes");
}

#[test]
fn numbers_mean_what_python_means_by_them() {
    let check = |pickle: &[u8], expected: i64| {
        let pickle = parse(pickle).unwrap();
        assert_eq!(pickle.values.int(pickle.root), Some(expected));
    };
    check(b"K\xff.", 255);
    check(b"M\x00\x01.", 256);
    check(b"J\xff\xff\xff\xff.", -1);
    check(b"I-7\n.", -7);
    check(b"L12L\n.", 12);
    check(b"\x8a\x00.", 0);
    check(b"\x8a\x02\x00\xff.", -256);
    check(b"\x8a\x02\xff\x00.", 255);
    check(b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.", i64::MAX);
}
