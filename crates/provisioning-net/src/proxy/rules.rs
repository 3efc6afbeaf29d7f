//! Which connections go through a proxy.

use std::{env, ffi::OsString};

use provisioning_types::{Host, InvalidInput};

use super::{Proxy, no_proxy::NoProxy};

/// The first of these that is set and not empty counts. `HTTP_PROXY` is for plain HTTP, which is not used here.
const PROXY_VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The hosts that are connected to directly nevertheless.
const NO_PROXY_VARIABLES: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// How many names of variables a warning shows.
const MAX_SHOWN_NAMES: usize = 8;

/// Which connections go through a proxy: none by default, all of them when made [from](From) a [`Proxy`].
#[derive(Debug, Clone, Default)]
pub struct ProxyRules {
    proxy: Option<Proxy>,
    /// The variable that names the proxy.
    variable: Option<&'static str>,
    except: NoProxy,
    /// A warning, if the environment was read and names no proxy.
    none_found: Option<String>,
    /// A warning for each ignored entry of the list of hosts.
    rejected: Vec<String>,
}

impl ProxyRules {
    /// Reads the environment as curl does for HTTPS, for MQTT and WebSockets alike: the proxy from `https_proxy`,
    /// `HTTPS_PROXY`, `all_proxy` or `ALL_PROXY`, the first that is set and not empty; the hosts to connect to directly
    /// from `no_proxy` or `NO_PROXY`. If no variable names a proxy, connections are direct.
    ///
    /// Entries of `no_proxy` are separated by commas or blanks. `example.com`, `.example.com` and `*.example.com` each
    /// match that name and its subdomains; an IP address or a network (`10.0.0.0/8`) matches hosts given as addresses;
    /// `*` matches everything. A port can follow (`example.com:8883`). No name is resolved for the comparison.
    ///
    /// An entry of another form is ignored. Ignored entries, and an environment that names no proxy, are
    /// [warnings](Self::warnings).
    ///
    /// # Errors
    /// [`InvalidInput`] naming the variable whose value is not a [`Proxy`], or not UTF-8.
    pub fn from_environment() -> Result<Self, InvalidInput> {
        let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let rules = Self::from_variables(|name| env::var_os(name), names)?;
        for warning in rules.warnings() {
            tracing::warn!("{warning}");
        }
        Ok(rules)
    }

    /// The problems of the environment, each in a sentence without a full stop. The sentences do not contain the values
    /// of variables that name proxies.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.none_found.iter().chain(&self.rejected).map(String::as_str)
    }

    /// The environment variable that names the proxy, if one does.
    pub fn variable(&self) -> Option<&'static str> {
        self.variable
    }

    /// Whether any connection goes through a proxy, or is worth the remark that none does.
    pub(crate) fn is_needed(&self) -> bool {
        self.proxy.is_some() || self.none_found.is_some()
    }

    /// The warning that the environment names no proxy, so that connections are direct.
    pub(crate) fn none_found(&self) -> Option<&str> {
        self.none_found.as_deref()
    }

    /// `names` are those of all variables that are set.
    fn from_variables(
        value: impl Fn(&str) -> Option<OsString>,
        names: impl Iterator<Item = String>,
    ) -> Result<Self, InvalidInput> {
        let Some((variable, proxy)) = first(&PROXY_VARIABLES, "proxy", &value)? else {
            return Ok(Self {
                none_found: Some(none_found(names)),
                ..Self::default()
            });
        };
        let proxy = proxy.parse().map_err(|error: InvalidInput| error.found_in(variable))?;
        let (name, list) = first(&NO_PROXY_VARIABLES, "list of hosts", &value)?.unwrap_or_default();
        let (except, rejected) = NoProxy::parse(&list);
        let rejected = rejected.into_iter().map(|entry| {
            let expected = "a name, an IP address, a network such as 10.0.0.0/8 or *, with an optional port";
            InvalidInput::new("entry", expected)
                .found_in(name)
                .with_given(entry)
                .to_string()
        });
        Ok(Self {
            proxy: Some(proxy),
            variable: Some(variable),
            except,
            none_found: None,
            rejected: rejected.collect(),
        })
    }

    /// The proxy to go through to this host and port, if any.
    pub fn proxy_for(&self, host: &Host, port: u16) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| !self.except.covers(host, port))
    }
}

impl From<Proxy> for ProxyRules {
    fn from(proxy: Proxy) -> Self {
        Self {
            proxy: Some(proxy),
            ..Self::default()
        }
    }
}

/// The first of the variables that is set and not empty, and its value.
fn first(
    names: &[&'static str],
    what: &'static str,
    value: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<(&'static str, String)>, InvalidInput> {
    let is_set = |&name: &&'static str| Some((name, value(name).filter(|value| !value.is_empty())?));
    let Some((name, value)) = names.iter().find_map(is_set) else {
        return Ok(None);
    };
    let not_utf_8 = |_| InvalidInput::new(what, "UTF-8").found_in(name);
    value.into_string().map(|value| Some((name, value))).map_err(not_utf_8)
}

/// Says that no variable names a proxy, and which of those that are set look as if one did.
fn none_found(names: impl Iterator<Item = String>) -> String {
    let [others @ .., last] = PROXY_VARIABLES;
    let message = format!("the environment names no proxy in {} or {last}", others.join(", "));
    let mut unused: Vec<_> = names.filter(|name| is_for_a_proxy(name)).collect();
    unused.sort_unstable();
    let (mut empty, mut unused): (Vec<_>, Vec<_>) = unused
        .into_iter()
        .partition(|name| PROXY_VARIABLES.contains(&name.as_str()));
    empty.truncate(MAX_SHOWN_NAMES);
    unused.truncate(MAX_SHOWN_NAMES);
    let parts = [(empty, "empty"), (unused, "set, but not used")];
    parts
        .into_iter()
        .filter(|(names, _)| !names.is_empty())
        .fold(message, |message, (names, what)| {
            let verb = if names.len() == 1 { "is" } else { "are" };
            format!("{message}; {} {verb} {what}", names.join(", "))
        })
}

/// Whether a variable of this name usually names a proxy.
fn is_for_a_proxy(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    (name == "proxy" || name.ends_with("_proxy")) && name != "no_proxy"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(variables: &[(&str, &str)]) -> Result<ProxyRules, InvalidInput> {
        let value = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        };
        ProxyRules::from_variables(value, variables.iter().map(|(name, _)| (*name).to_owned()))
    }

    fn chosen(variables: &[(&str, &str)]) -> Option<String> {
        let host = Host::new("dps.example").expect("a host");
        let rules = rules(variables).unwrap_or_else(|error| panic!("{variables:?}: {error}"));
        rules.proxy_for(&host, 8883).map(ToString::to_string)
    }

    #[test]
    fn the_first_variable_that_is_set_to_something_names_the_proxy() {
        let all = [
            ("ALL_PROXY", "http://all-upper"),
            ("all_proxy", "socks5://all-lower"),
            ("HTTPS_PROXY", "http://https-upper:1"),
            ("https_proxy", "https-lower:3128"),
        ];
        assert_eq!(chosen(&all).as_deref(), Some("http://https-lower:3128"));
        assert_eq!(chosen(&all[..3]).as_deref(), Some("http://https-upper:1"));
        assert_eq!(chosen(&all[..2]).as_deref(), Some("socks5://all-lower:1080"));
        assert_eq!(chosen(&all[..1]).as_deref(), Some("http://all-upper:80"));
        assert_eq!(chosen(&[]), None);
        let variable = |variables| rules(variables).expect("rules").variable();
        assert_eq!(variable(&all[..2]), Some("all_proxy"));
        assert_eq!(variable(&[]), None);
        assert_eq!(
            chosen(&[("https_proxy", ""), all[0]]).as_deref(),
            Some("http://all-upper:80")
        );
        assert_eq!(chosen(&[("http_proxy", "http://h"), ("HTTP_PROXY", "http://h")]), None);
    }

    #[test]
    fn what_no_proxy_names_is_connected_to_directly() {
        let proxy = ("https_proxy", "http://h");
        assert_eq!(chosen(&[proxy, ("no_proxy", "example"), ("NO_PROXY", "other")]), None);
        assert_eq!(chosen(&[proxy, ("NO_PROXY", "*")]), None);
        assert!(chosen(&[proxy, ("no_proxy", "other"), ("NO_PROXY", "*")]).is_some());
        assert!(chosen(&[proxy, ("no_proxy", "")]).is_some());
    }

    #[test]
    fn a_value_that_cannot_be_parsed_is_named_with_its_variable_and_not_repeated() {
        let error = rules(&[("HTTPS_PROXY", "https://u:s3cret@h")]).expect_err("TLS to the proxy");
        assert_eq!(error.input(), "proxy in HTTPS_PROXY");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn an_entry_of_no_proxy_that_means_nothing_is_a_warning_and_the_others_count() {
        let variables = [("all_proxy", "http://h"), ("no_proxy", "dps.example,10.0.0.0/33")];
        assert_eq!(chosen(&variables), None);
        let rules = rules(&variables).expect("a proxy");
        assert_eq!(
            rules.warnings().collect::<Vec<_>>(),
            [
                "entry in no_proxy \"10.0.0.0/33\" cannot be used: expected a name, an IP address, a network such as \
              10.0.0.0/8 or *, with an optional port"
            ]
        );
    }

    #[test]
    fn an_environment_without_a_proxy_is_a_warning_that_names_what_is_set_and_not_used() {
        let none = "the environment names no proxy in https_proxy, HTTPS_PROXY, all_proxy or ALL_PROXY";
        for (variables, rest) in [
            (&[][..], ""),
            (&[("no_proxy", "10.0.0.0/33"), ("PATH", "/"), ("proxies", "x")], ""),
            (
                &[("http_proxy", "http://u:s3cret@h")],
                "; http_proxy is set, but not used",
            ),
            (
                &[("Https_Proxy", "http://h"), ("HTTP_PROXY", "http://h")],
                "; HTTP_PROXY, Https_Proxy are set, but not used",
            ),
            (
                &[("https_proxy", ""), ("PROXY", "http://h")],
                "; https_proxy is empty; PROXY is set, but not used",
            ),
        ] {
            let rules = rules(variables).expect("no proxy");
            assert_eq!(rules.warnings().collect::<Vec<_>>(), [format!("{none}{rest}")]);
        }
        assert_eq!(
            rules(&[("all_proxy", "http://h")]).expect("a proxy").warnings().count(),
            0
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_text_is_named_with_its_variable() {
        use std::os::unix::ffi::OsStringExt;

        let bytes = |name: &str| (name == "ALL_PROXY").then(|| OsString::from_vec(vec![0xff]));
        let error = ProxyRules::from_variables(bytes, std::iter::empty()).expect_err("no text");
        assert_eq!(error.to_string(), "proxy in ALL_PROXY cannot be used: expected UTF-8");
        let bytes = |name: &str| match name {
            "ALL_PROXY" => Some(OsString::from("http://h")),
            "no_proxy" => Some(OsString::from_vec(vec![0xff])),
            _ => None,
        };
        let error = ProxyRules::from_variables(bytes, std::iter::empty()).expect_err("no text");
        assert_eq!(
            error.to_string(),
            "list of hosts in no_proxy cannot be used: expected UTF-8"
        );
    }

    #[test]
    fn a_proxy_that_is_given_is_for_every_host() {
        let rules = ProxyRules::from("http://h".parse::<Proxy>().expect("a proxy"));
        assert!(rules.proxy_for(&Host::new("localhost").expect("a host"), 1).is_some());
    }
}
