//! Which connections go through a proxy.

use std::{env, ffi::OsString, str::FromStr};

use provisioning_types::{Host, InvalidInput};

use super::{Proxy, no_proxy::NoProxy};

/// The first of these that is set and not empty counts. `HTTP_PROXY` is for plain HTTP, which is not used here.
const PROXY_VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The hosts that are connected to directly nevertheless.
const NO_PROXY_VARIABLES: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// Which connections go through a proxy: none by default, all of them when made [from](From) a [`Proxy`].
#[derive(Debug, Clone, Default)]
pub struct ProxyRules {
    proxy: Option<Proxy>,
    except: NoProxy,
}

impl ProxyRules {
    /// Reads the environment as curl does for HTTPS, for MQTT and WebSockets alike: the proxy from `https_proxy`,
    /// `HTTPS_PROXY`, `all_proxy` or `ALL_PROXY`, the first that is set and not empty; the hosts to connect to directly
    /// from `no_proxy` or `NO_PROXY`. Without the former, no connection goes through a proxy.
    ///
    /// Entries of `no_proxy` are separated by commas or blanks. `example.com`, `.example.com` and `*.example.com` each
    /// match that name and its subdomains; an IP address or a network (`10.0.0.0/8`) matches hosts given as addresses;
    /// `*` matches everything. A port can follow (`example.com:8883`). No name is resolved for the comparison.
    ///
    /// # Errors
    /// [`InvalidInput`] naming the variable whose value is not a [`Proxy`], or not such a list.
    pub fn from_environment() -> Result<Self, InvalidInput> {
        Self::from_variables(|name| env::var_os(name))
    }

    fn from_variables(value: impl Fn(&str) -> Option<OsString>) -> Result<Self, InvalidInput> {
        let Some(proxy) = first(&PROXY_VARIABLES, "proxy", &value)? else {
            return Ok(Self::default());
        };
        let except = first(&NO_PROXY_VARIABLES, "list of hosts", &value)?.unwrap_or_default();
        Ok(Self {
            proxy: Some(proxy),
            except,
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
            except: NoProxy::default(),
        }
    }
}

/// Parses the first of the variables that is set and not empty.
fn first<T>(
    names: &[&'static str],
    what: &'static str,
    value: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<T>, InvalidInput>
where
    T: FromStr<Err = InvalidInput>,
{
    let is_set = |&name: &&'static str| Some((name, value(name).filter(|value| !value.is_empty())?));
    let Some((name, value)) = names.iter().find_map(is_set) else {
        return Ok(None);
    };
    let text = value.to_str().ok_or_else(|| InvalidInput::new(what, "UTF-8"));
    let parsed = text.and_then(str::parse);
    parsed.map(Some).map_err(|error| error.found_in(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(variables: &[(&str, &str)]) -> Result<ProxyRules, InvalidInput> {
        ProxyRules::from_variables(|wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        })
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
        let error = rules(&[("all_proxy", "http://h"), ("no_proxy", "a,10.0.0.0/33")]).expect_err("no such network");
        assert_eq!(
            error.to_string(),
            "entry in no_proxy \"10.0.0.0/33\" cannot be used: expected a name, an IP address, a network such as \
             10.0.0.0/8 or *, with an optional port"
        );
        assert!(
            rules(&[("no_proxy", "10.0.0.0/33")]).is_ok(),
            "without a proxy it says nothing"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_text_is_named_with_its_variable() {
        use std::os::unix::ffi::OsStringExt;

        let bytes = |name: &str| (name == "ALL_PROXY").then(|| OsString::from_vec(vec![0xff]));
        let error = ProxyRules::from_variables(bytes).expect_err("no text");
        assert_eq!(error.to_string(), "proxy in ALL_PROXY cannot be used: expected UTF-8");
    }

    #[test]
    fn a_proxy_that_is_given_is_for_every_host() {
        let rules = ProxyRules::from("http://h".parse::<Proxy>().expect("a proxy"));
        assert!(rules.proxy_for(&Host::new("localhost").expect("a host"), 1).is_some());
    }
}
