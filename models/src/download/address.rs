//! Origins of URLs, and targets of redirects.

/// Scheme and authority in lower case, which must match for a token to be sent.
pub(super) fn origin(url: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| after_scheme + at);
    url[..end].to_ascii_lowercase()
}

/// Returns the URL that a redirect from `url` leads to, or what is wrong with it.
pub(super) fn redirected(url: &str, location: Option<&str>) -> Result<String, &'static str> {
    let location = location.ok_or("one has no target")?.trim();
    let location = location.split('#').next().unwrap_or_default();
    let target = absolute(url, location);
    let scheme = origin(&target);
    if !scheme.starts_with("https://") && !scheme.starts_with("http://") {
        return Err("one leads out of the web");
    }
    if origin(url).starts_with("https://") && !scheme.starts_with("https://") {
        return Err("one leads to an unencrypted connection");
    }
    Ok(target)
}

fn absolute(url: &str, location: &str) -> String {
    let home = origin(url);
    let has_scheme = location
        .split_once(':')
        .is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric()));
    if has_scheme {
        return location.to_owned();
    }
    if location.starts_with("//") {
        let scheme = home.split("//").next().unwrap_or_default();
        return format!("{scheme}{location}");
    }
    if location.starts_with('/') {
        return format!("{home}{location}");
    }
    let path = url[home.len()..]
        .split(['?', '#'])
        .next()
        .unwrap_or_default();
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{home}{folder}/{location}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_browsers_go() {
        let check = |location, expected| {
            let found = redirected("https://Hub.org:8/a/b?c=d/e", Some(location));
            assert_eq!(found, expected, "{location}");
        };
        check(
            "https://cdn.org/x?y#z",
            Ok("https://cdn.org/x?y".to_owned()),
        );
        check("//cdn.org/x", Ok("https://cdn.org/x".to_owned()));
        check("/x/y", Ok("https://hub.org:8/x/y".to_owned()));
        check("x", Ok("https://hub.org:8/a/x".to_owned()));
        check(
            "http://hub.org:8/x",
            Err("one leads to an unencrypted connection"),
        );
        check("file:///etc/passwd", Err("one leads out of the web"));
        assert!(redirected("https://hub.org", None).is_err());
    }

    #[test]
    fn a_host_is_its_scheme_name_and_port() {
        assert_eq!(origin("HTTP://Hub.org:80/a"), "http://hub.org:80");
        assert_eq!(origin("https://hub.org?x"), "https://hub.org");
        assert_ne!(origin("https://hub.org.evil/"), origin("https://hub.org/"));
        assert_ne!(origin("https://hub.org@evil/"), origin("https://hub.org/"));
    }
}
