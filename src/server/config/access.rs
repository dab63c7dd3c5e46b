//! `[access]`: who may call, and under which names the server answers.

use serde::Deserialize;

/// A token that somebody thinks up is at least this long.
pub const TOKEN_MIN_CHARS: usize = 8;
const TOKEN_MAX_CHARS: usize = 512;
const HOSTS_MAX: usize = 100;

/// `[access]`, checked. What is made with `cardume token` and `cardume password` is in the database.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessConfig {
    /// Names besides its own under which the server may be called, in lower case and without a port.
    pub hosts: Vec<String>,
    /// A token that opens everything.
    pub token: Option<String>,
    /// Ask for a token or a login even on loopback.
    pub required: bool,
}

impl AccessConfig {
    /// Says what is wrong, as the rest of a sentence.
    pub fn checked(mut self) -> Result<Self, String> {
        if self.hosts.len() > HOSTS_MAX {
            return Err(format!("[access] has more than {HOSTS_MAX} hosts"));
        }
        for host in &mut self.hosts {
            host.make_ascii_lowercase();
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            let is_address = host.parse::<std::net::IpAddr>().is_ok();
            if host.is_empty() || host.len() > 253 || !(is_address || host.chars().all(is_plain)) {
                return Err(format!("[access] hosts has “{host}”; write a name alone, such as \"board.example\""));
            }
        }
        if let Some(token) = &self.token {
            check_token(token).map_err(|why| format!("[access] token {why}"))?;
            self.required = true;
        }
        Ok(self)
    }

    /// The environment's token goes before the file's. On loopback it opens what is shut and shuts nothing: there it is
    /// first of all what the terminal's commands show to some server.
    pub fn or_environment(mut self, token: Option<String>, on_loopback: bool) -> Result<Self, String> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(self) };
        match check_token(&token) {
            Ok(()) => self.token = Some(token),
            Err(_) if on_loopback => {}
            Err(why) => return Err(format!("CARDUME_TOKEN {why}")),
        }
        Ok(self)
    }
}

/// It travels in a header. The message does not repeat it.
fn check_token(token: &str) -> Result<(), String> {
    if token.len() < TOKEN_MIN_CHARS {
        return Err(format!(
            "is too short: it needs {TOKEN_MIN_CHARS} characters, such as `openssl rand -hex 32` makes"
        ));
    }
    if token.len() > TOKEN_MAX_CHARS || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("must be at most {TOKEN_MAX_CHARS} letters, digits and signs, without spaces"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AccessConfig, String> {
        toml::from_str::<AccessConfig>(text).map_err(|error| error.message().to_owned())?.checked()
    }

    #[test]
    fn what_it_says_is_read() {
        let access = parse("hosts = [\"Board.Example\", \"10.0.0.1\"]\ntoken = \"0123456789abcdef\"\nrequired = true");
        let access = access.unwrap();
        assert_eq!(access.hosts, ["board.example", "10.0.0.1"]);
        assert!(access.required && access.token.is_some());
        assert!(!AccessConfig::default().required);
    }

    #[test]
    fn what_is_wrong_is_told_without_the_token() {
        for (file, part) in [
            ("hosts = [\"http://board.example\"]", "board.example"),
            ("hosts = [\"board.example:80\"]", "a name alone"),
            ("hosts = [\"\"]", "a name alone"),
            ("token = \"shh!\"", "8 characters"),
            ("token = \"0123456789 abcdef\"", "without spaces"),
            ("tokens = 1", "tokens"),
        ] {
            let error = parse(file).err().unwrap();
            assert!(error.contains(part) && !error.contains("shh!") && !error.contains("abcdef"), "{error}");
        }
        let from = |token: &str, on_loopback| AccessConfig::default().or_environment(Some(token.into()), on_loopback);
        let short = from("shh!", false).err().unwrap();
        assert!(short.starts_with("CARDUME_TOKEN is too short") && !short.contains("shh!"), "{short}");
        for ignored in [from("", false), from("shh!", true)] {
            assert!(ignored.unwrap().token.is_none());
        }
        let known = from("0123456789abcdef", true).unwrap();
        assert!(known.token.is_some() && !known.required, "it is the terminal's too");
        assert!(parse("token = \"0123456789abcdef\"").unwrap().required);
    }
}
