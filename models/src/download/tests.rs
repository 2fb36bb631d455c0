//! Misbehaving servers; a final name never appears without the right bytes.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use super::test_server::{Announced, Reply, Server};
use super::*;

fn content() -> Vec<u8> {
    (0..200_000_u32)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect()
}

fn hash_of(content: &[u8]) -> String {
    files::sha256(content).unwrap().1
}

fn quick() -> Limits {
    Limits {
        connect: Duration::from_secs(2),
        stall: Duration::from_millis(800),
        attempts: 3,
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_secs(2),
        ..Limits::default()
    }
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn destination(&self) -> PathBuf {
        self.folder.path().join("model.bin")
    }

    fn fetch(&self, url: &str, sha256: Option<&str>) -> Result<Arrived, DownloadError> {
        self.fetch_with(url, sha256, None)
    }

    /// Downloads, and asserts that the final name exists exactly if this succeeded.
    fn fetch_with(
        &self,
        url: &str,
        sha256: Option<&str>,
        token: Option<&str>,
    ) -> Result<Arrived, DownloadError> {
        let destination = self.destination();
        let request = Request {
            url,
            token,
            destination: &destination,
            bytes: None,
            sha256,
        };
        let mut last = 0;
        let mut watch = Watch {
            progress: &mut |done, total| {
                assert!(total.is_none_or(|total| done <= total));
                last = done;
            },
            cancelled: &|| false,
        };
        let result = download(&request, &quick(), &mut watch);
        assert_eq!(destination.exists(), result.is_ok());
        if let Ok(arrived) = &result {
            assert_eq!(fs::metadata(&destination).unwrap().len(), arrived.bytes);
            assert_eq!(last, arrived.bytes);
        }
        result
    }
}

#[test]
fn a_whole_file_arrives_under_its_name_and_leaves_nothing_else() {
    let server = Server::start(|asked, _| Reply::file(asked, &content()));
    let place = Place::new();
    let arrived = place
        .fetch(&server.url("/m"), Some(&hash_of(&content()).to_uppercase()))
        .unwrap();
    assert_eq!(arrived.sha256, hash_of(&content()));
    assert_eq!(fs::read(place.destination()).unwrap(), content());
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1);
}

#[test]
fn a_download_cut_at_every_tenth_goes_on_where_it_stopped() {
    let tenth = content().len() / 10;
    let server = Server::start(move |asked, _| {
        let mut reply = Reply::file(asked, &content());
        reply.cut_after = Some(tenth);
        reply
    });
    let place = Place::new();
    place
        .fetch(&server.url("/m"), Some(&hash_of(&content())))
        .unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 10);
    assert!(
        asked[1..]
            .iter()
            .all(|asked| asked.header("if-range") == Some("\"v1\""))
    );
    assert!(
        asked
            .windows(2)
            .all(|pair| pair[1].start() > pair[0].start())
    );
}

#[test]
fn a_download_cut_at_each_of_many_percents_is_resumed_by_a_later_run() {
    for percent in (1..100).step_by(14) {
        let cut = content().len() * percent / 100;
        let server = Server::start(move |asked, before| {
            let mut reply = Reply::file(asked, &content());
            if before == 0 {
                reply.cut_after = Some(cut);
            } else if before < 4 {
                return Reply::status(503);
            }
            reply
        });
        let place = Place::new();
        let first = place.fetch(&server.url("/m"), None);
        assert!(matches!(first, Err(DownloadError::Broken { .. })));
        place.fetch(&server.url("/m"), None).unwrap();
        assert_eq!(server.asked().last().unwrap().start(), cut, "{percent} %");
        assert_eq!(fs::read(place.destination()).unwrap(), content());
    }
}

#[test]
fn a_part_of_a_file_that_was_replaced_since_is_not_resumed() {
    let other: Vec<u8> = content().iter().rev().copied().collect();
    let expected = other.clone();
    let server = Server::start(move |asked, before| {
        let mut reply = Reply::file(asked, &content());
        if before == 0 {
            reply.cut_after = Some(1000);
            return reply;
        }
        // The etag differs, so the range request is ignored.
        assert_eq!(asked.header("if-range"), Some("\"v1\""));
        reply = Reply::status(200).with("ETag", "\"v2\"");
        reply.body.clone_from(&other);
        reply
    });
    let place = Place::new();
    place.fetch(&server.url("/m"), None).unwrap();
    assert_eq!(fs::read(place.destination()).unwrap(), expected);
}

#[test]
fn a_part_without_a_strong_etag_or_hash_begins_anew() {
    let server = Server::start(|asked, before| {
        assert_eq!(asked.start(), 0);
        let mut reply = Reply::status(200).with("ETag", "W/\"weak\"");
        reply.body = content();
        reply.cut_after = (before == 0).then_some(1000);
        reply
    });
    Place::new().fetch(&server.url("/m"), None).unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_file_that_was_whole_before_the_rename_is_not_fetched_again() {
    let server = Server::start(|asked, before| {
        let mut reply = Reply::file(asked, &content());
        if before == 0 {
            // One byte too many is announced, so that the client considers the file incomplete.
            reply.announced = Announced::Bytes(content().len() + 1);
        }
        reply
    });
    let place = Place::new();
    place
        .fetch(&server.url("/m"), Some(&hash_of(&content())))
        .unwrap();
    assert_eq!(server.asked()[1].start(), content().len());
}

#[test]
fn wrong_bytes_never_get_the_final_name() {
    let server = Server::start(|asked, _| Reply::file(asked, &content()));
    let place = Place::new();
    let wrong = "0".repeat(64);
    let error = place.fetch(&server.url("/m"), Some(&wrong)).unwrap_err();
    assert!(matches!(error, DownloadError::WrongHash { .. }), "{error}");
    assert_eq!(server.asked().len(), 1);
    // The damaged part is not resumed.
    place.fetch(&server.url("/m"), None).unwrap();
    assert_eq!(server.asked()[1].start(), 0);
}

#[test]
fn a_damaged_part_is_fetched_anew_before_the_server_is_blamed() {
    let server = Server::start(|asked, before| {
        let mut reply = Reply::file(asked, &content());
        if before == 0 {
            reply.body[10] ^= 1;
            reply.cut_after = Some(1000);
        }
        reply
    });
    let place = Place::new();
    place
        .fetch(&server.url("/m"), Some(&hash_of(&content())))
        .unwrap();
    let starts: Vec<usize> = server
        .asked()
        .iter()
        .map(super::test_server::Asked::start)
        .collect();
    assert_eq!(starts, [0, 1000, 0]);
}

#[test]
fn the_hub_s_own_word_on_length_and_hash_is_checked() {
    let check =
        |etag: String, bytes: usize, accepted: fn(&Result<Arrived, DownloadError>) -> bool| {
            let server = Server::start(move |asked, _| {
                if asked.path == "/cdn" {
                    return Reply::file(asked, &content());
                }
                Reply::status(302)
                    .with("Location", "/cdn")
                    .with("X-Linked-Etag", format!("\"{etag}\""))
                    .with("X-Linked-Size", bytes.to_string())
                    .with("X-Repo-Commit", "c0ffee")
            });
            let result = Place::new().fetch(&server.url("/m"), None);
            assert!(accepted(&result), "{result:?}");
        };
    let (right, bytes) = (hash_of(&content()), content().len());
    check(right.clone(), bytes, |r| {
        r.as_ref()
            .is_ok_and(|a| a.commit.as_deref() == Some("c0ffee"))
    });
    check("1".repeat(64), bytes, |r| {
        matches!(r, Err(DownloadError::WrongHash { .. }))
    });
    check(right, bytes + 1, |r| {
        matches!(r, Err(DownloadError::WrongLength { .. }))
    });
}

#[test]
fn behind_a_redirect_the_hub_s_hash_is_enough_to_resume() {
    let hash = hash_of(&content());
    let server = Server::start(move |asked, before| {
        if asked.path == "/m" {
            return Reply::status(302)
                .with("Location", "/cdn")
                .with("X-Linked-Etag", format!("\"{hash}\""));
        }
        let mut reply = Reply::file(asked, &content());
        reply.headers.retain(|(name, _)| *name != "ETag");
        reply.cut_after = (before == 1).then_some(5000);
        reply
    });
    let place = Place::new();
    place.fetch(&server.url("/m"), None).unwrap();
    assert_eq!(server.asked()[3].start(), 5000);
    assert_eq!(fs::read(place.destination()).unwrap(), content());
}

#[test]
fn a_length_that_is_never_reached_and_one_that_is_unknown_are_refused() {
    let long = Server::start(|asked, _| {
        let mut reply = Reply::file(asked, &content());
        reply.announced = Announced::Bytes(reply.body.len() + 7);
        reply.headers.clear();
        reply
    });
    let error = Place::new().fetch(&long.url("/m"), None).unwrap_err();
    assert!(
        matches!(error, DownloadError::Broken { attempts: 3, .. }),
        "{error}"
    );
    let unknown = Server::start(|asked, _| {
        let mut reply = Reply::file(asked, &content());
        reply.announced = Announced::Nothing;
        reply
    });
    let error = Place::new().fetch(&unknown.url("/m"), None).unwrap_err();
    assert!(
        matches!(error, DownloadError::Unverifiable { .. }),
        "{error}"
    );
    Place::new()
        .fetch(&unknown.url("/m"), Some(&hash_of(&content())))
        .unwrap();
}

#[test]
fn the_token_reaches_its_own_host_and_no_other() {
    let elsewhere = Server::start(|asked, _| Reply::file(asked, &content()));
    let target = elsewhere.url("/file");
    let home = Server::start(move |asked, _| match asked.path.as_str() {
        "/m" => Reply::status(307).with("Location", "/next"),
        _ => Reply::status(302).with("Location", target.clone()),
    });
    Place::new()
        .fetch_with(&home.url("/m"), None, Some("secret"))
        .unwrap();
    assert_eq!(home.asked().len(), 2);
    assert!(
        home.asked()
            .iter()
            .all(|a| a.header("authorization") == Some("Bearer secret"))
    );
    assert_eq!(elsewhere.asked().len(), 1);
    assert_eq!(elsewhere.asked()[0].header("authorization"), None);
}

#[test]
fn redirects_in_a_circle_without_end_or_target_are_errors() {
    let check = |reply: fn(usize) -> Reply, requests: usize| {
        let server = Server::start(move |_, before| reply(before));
        let error = Place::new().fetch(&server.url("/0"), None).unwrap_err();
        assert!(matches!(error, DownloadError::Redirects { .. }), "{error}");
        assert_eq!(server.asked().len(), requests);
    };
    check(
        |n| Reply::status(302).with("Location", format!("/{}", (n + 1) % 3)),
        3,
    );
    check(
        |n| Reply::status(302).with("Location", format!("/{}", n + 1)),
        9,
    );
    check(|_| Reply::status(302), 1);
    check(
        |_| Reply::status(302).with("Location", "ftp://127.0.0.1/x"),
        1,
    );
}

#[test]
fn refusals_are_told_at_once() {
    let check = |status: u16, is_right: fn(&DownloadError) -> bool| {
        let server = Server::start(move |_, _| Reply::status(status));
        let place = Place::new();
        let error = place.fetch(&server.url("/m"), None).unwrap_err();
        assert!(is_right(&error), "{error}");
        assert_eq!(server.asked().len(), 1, "{status}");
        assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 0);
    };
    check(401, |e| {
        matches!(e, DownloadError::Denied { status: 401, .. })
    });
    check(403, |e| e.to_string().contains("HF_TOKEN"));
    check(404, |e| matches!(e, DownloadError::Missing { .. }));
    check(418, |e| {
        matches!(e, DownloadError::Status { status: 418, .. })
    });
}

#[test]
fn a_busy_server_is_asked_again_after_the_time_it_names() {
    let server = Server::start(|asked, before| match before {
        0 => Reply::status(429).with("Retry-After", "1"),
        1 => Reply::status(503),
        _ => Reply::file(asked, &content()),
    });
    let start = Instant::now();
    Place::new().fetch(&server.url("/m"), None).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_server_that_stays_busy_or_asks_for_an_hour_is_given_up() {
    for (retry_after, requests) in [(None, 3), (Some("3600"), 1)] {
        let server = Server::start(move |_, _| {
            let reply = Reply::status(503);
            retry_after.map_or(reply.clone(), |secs| reply.with("Retry-After", secs))
        });
        let error = Place::new().fetch(&server.url("/m"), None).unwrap_err();
        assert!(error.to_string().contains("HTTP status 503"), "{error}");
        assert_eq!(server.asked().len(), requests);
    }
}

#[test]
fn silence_is_given_up_but_one_byte_now_and_then_is_progress() {
    let silent = Server::start(|asked, _| {
        let mut reply = Reply::file(asked, &content());
        reply.cut_after = Some(1000);
        reply.silence = Duration::from_secs(5);
        if asked.start() > 0 {
            reply.cut_after = Some(0);
        }
        reply
    });
    let start = Instant::now();
    let error = Place::new().fetch(&silent.url("/m"), None).unwrap_err();
    assert!(
        matches!(error, DownloadError::Broken { attempts: 3, .. }),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(10));
    // The total time far exceeds the stall timeout.
    let slow = Server::start(|asked, _| {
        let mut reply = Reply::file(asked, &[7; 12]);
        reply.drip = Duration::from_millis(100);
        reply
    });
    Place::new().fetch(&slow.url("/m"), None).unwrap();
    assert_eq!(slow.asked().len(), 1);
}

#[test]
fn a_server_out_of_reach_is_told_at_once_and_not_tried_again() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let start = Instant::now();
    let error = Place::new()
        .fetch(&format!("http://{unused}/m"), None)
        .unwrap_err();
    assert!(
        matches!(error, DownloadError::Unreachable { .. }),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn cancelling_ends_a_silent_download_soon_and_keeps_the_part() {
    let server = Server::start(|asked, _| {
        let mut reply = Reply::file(asked, &content());
        reply.cut_after = Some(1000);
        reply.silence = Duration::from_secs(2);
        reply
    });
    let place = Place::new();
    let destination = place.destination();
    let request = Request {
        url: &server.url("/m"),
        token: None,
        destination: &destination,
        bytes: None,
        sha256: None,
    };
    let arrived = Cell::new(0);
    let mut watch = Watch {
        progress: &mut |done, _| arrived.set(done),
        cancelled: &|| arrived.get() >= 1000,
    };
    let start = Instant::now();
    let patient = Limits {
        stall: Duration::from_secs(30),
        ..quick()
    };
    let error = download(&request, &patient, &mut watch).unwrap_err();
    assert!(matches!(error, DownloadError::Cancelled));
    assert!(start.elapsed() < Duration::from_secs(2));
    let part = files::with_suffix(&destination, ".part");
    assert_eq!(fs::metadata(part).unwrap().len(), 1000);
    assert!(!destination.exists());
}

#[test]
fn a_full_disk_is_noticed_before_the_first_byte() {
    let server = Server::start(|asked, _| Reply::file(asked, &content()));
    let place = Place::new();
    let destination = place.destination();
    let request = Request {
        url: &server.url("/m"),
        token: None,
        destination: &destination,
        bytes: None,
        sha256: None,
    };
    let mut watch = Watch {
        progress: &mut |_, _| {},
        cancelled: &|| false,
    };
    let limits = Limits {
        spare_disk_bytes: 1 << 60,
        ..quick()
    };
    let result = download(&request, &limits, &mut watch);
    assert!(
        matches!(result, Err(DownloadError::DiskFull { .. })),
        "{result:?}"
    );
    assert!(!destination.exists());
}
