//! PKCS#11 URIs (RFC 7512), as far as they name a module and a token.
//!
//! Must not: take a PIN from a URI, pass over an attribute that would have meant another token.

use std::borrow::Cow;

use kirikae_engine::backend::BackendError;
use percent_encoding::percent_decode_str;

use super::super::error::settings;
use super::Selector;

/// What a URI says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) module: Option<String>,
    pub(super) selector: Selector,
}

/// Reads `pkcs11:token=..;serial=..?module-path=..`.
///
/// # Errors
/// `TOKEN.SETTINGS`.
pub(super) fn read(text: &str) -> Result<Said, BackendError> {
    let rest = text.strip_prefix("pkcs11:").ok_or_else(|| unfit(text, "pkcs11: で始まりません", "it does not begin with `pkcs11:`"))?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut said = Said::default();
    for part in path.split(';').filter(|part| !part.is_empty()) {
        let (name, value) = attribute(text, part)?;
        let place = match name {
            "token" => &mut said.selector.label,
            "serial" => &mut said.selector.serial,
            "model" => &mut said.selector.model,
            "manufacturer" => &mut said.selector.manufacturer,
            "slot-id" => {
                let number = value.parse().map_err(|_| unfit(text, "slot-id が数ではありません", "`slot-id` is no number"))?;
                say_once(name, &mut said.selector.slot, number)?;
                continue;
            }
            _ => return Err(unfit(text, &format!("{name} は使えません"), &format!("`{name}` cannot be used here"))),
        };
        say_once(name, place, value.into_owned())?;
    }
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = attribute(text, part)?;
        match name {
            "module-path" | "module-name" => say_once(name, &mut said.module, value.into_owned())?,
            // Where the PIN comes from is said under `secrets`; its value is never written down.
            "pin-value" | "pin-source" => {
                let ja = format!("{name} は書けません。PIN の取り出し方は secrets に書きます");
                return Err(settings(format!("URI に{ja}。"), format!("a URI here has no `{name}`: where the PIN comes from is said under `secrets`.")));
            }
            _ => return Err(unfit(text, &format!("{name} は使えません"), &format!("`{name}` cannot be used here"))),
        }
    }
    Ok(said)
}

/// Takes what is said, unless something else was said already.
///
/// # Errors
/// `TOKEN.SETTINGS`.
pub(super) fn say_once<T: PartialEq>(name: &str, place: &mut Option<T>, value: T) -> Result<(), BackendError> {
    if place.as_ref().is_some_and(|known| *known != value) {
        return Err(settings(format!("USBキーの {name} が2通りに書かれています。"), format!("`{name}` of the token is given in two ways.")));
    }
    *place = Some(value);
    Ok(())
}

fn attribute<'a>(text: &str, part: &'a str) -> Result<(&'a str, Cow<'a, str>), BackendError> {
    let (name, value) = part.split_once('=').ok_or_else(|| unfit(text, &format!("「{part}」に = がありません"), &format!("{part:?} has no `=`")))?;
    let value = percent_decode_str(value).decode_utf8().map_err(|_| unfit(text, &format!("{name} を読めません"), &format!("`{name}` is not readable")))?;
    Ok((name, value))
}

fn unfit(text: &str, ja: &str, en: &str) -> BackendError {
    // A URI may hold a PIN: only what stands before the first `?` is shown.
    let shown = text.split('?').next().unwrap_or_default();
    settings(format!("PKCS#11 の URI「{shown}」: {ja}。"), format!("the PKCS#11 URI {shown:?}: {en}."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_uri_names_module_and_token() {
        let said = read(
            "pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=c60f9ec9;token=%E5%8F%97%E4%BB%98?module-path=/usr/lib/softhsm/libsofthsm2.so",
        )
        .unwrap();
        assert_eq!(said.module.as_deref(), Some("/usr/lib/softhsm/libsofthsm2.so"));
        let selector = Selector {
            serial: Some("c60f9ec9".into()),
            label: Some("受付".into()),
            model: Some("SoftHSM v2".into()),
            manufacturer: Some("SoftHSM project".into()),
            slot: None,
        };
        assert_eq!(said.selector, selector);
        assert_eq!(read("pkcs11:slot-id=7?module-name=softhsm2").unwrap().selector.slot, Some(7));
        assert_eq!(read("pkcs11:").unwrap(), Said::default());
    }

    #[test]
    fn what_would_mean_something_else_is_refused_and_no_pin_is_shown() {
        for text in ["http://x", "pkcs11:object=key", "pkcs11:token", "pkcs11:slot-id=x", "pkcs11:token=%ff", "pkcs11:token=a;token=b", "pkcs11:?x=y"] {
            assert_eq!(read(text).unwrap_err().code, "TOKEN.SETTINGS", "{text}");
        }
        let error = read("pkcs11:token=a?pin-value=4711").unwrap_err();
        assert!(!format!("{error:?}").contains("4711"), "{error:?}");
        let error = read("pkcs11:token=a;x=y?pin-value=4711").unwrap_err();
        assert!(!format!("{error:?}").contains("4711"), "{error:?}");
    }
}
