//! Packages that are made here: same bytes for same input, and readable by the inspector.

use fabric::package::{self, Connection, Limits, PackageError};

fn connection() -> Connection {
    Connection {
        address: "{{.peername}}-cc:9999".into(),
        dial_timeout: "10s".into(),
        ..Connection::default()
    }
}

#[test]
fn the_package_id_is_stable() {
    let bytes = package::ccaas("asset_1.0", &connection()).unwrap();
    assert_eq!(bytes, package::ccaas("asset_1.0", &connection()).unwrap());
    // A change here changes the ids of packages that are installed on peers: never accept a new value.
    let expected = "asset_1.0:1b8307351743c42b222dbbd6d8bbe19c9b80844e4e9eb7d5535445d25c2d47d9";
    assert_eq!(package::id("asset_1.0", &bytes), expected);
}

#[test]
fn what_was_put_in_is_found_again() {
    let wanted = Connection {
        tls_required: true,
        client_auth_required: true,
        client_key: "KEY".into(),
        client_cert: "CERT".into(),
        root_cert: "ROOT".into(),
        ..connection()
    };
    let bytes = package::ccaas("asset", &wanted).unwrap();
    let facts = package::inspect(&bytes, &Limits::default()).unwrap();
    assert_eq!((facts.label.as_str(), facts.r#type.as_str()), ("asset", package::TYPE_CCAAS));
    assert_eq!(facts.connection, Some(wanted.clone()));
    assert_eq!(facts.code_files, 1);
    assert!(!format!("{:?}", facts.connection).contains("KEY"), "keys must not be printed");
    let other = Connection { address: "other:1".into(), ..wanted };
    assert_ne!(bytes, package::ccaas("asset", &other).unwrap());
}

#[test]
fn unusable_input_makes_no_package() {
    for label in ["", "-a", "a b", "a/b", "a:b", "é", &"a".repeat(129)] {
        let error = package::ccaas(label, &connection()).unwrap_err();
        assert!(matches!(error, PackageError::Label), "{label}: {error}");
    }
    for address in ["", "host", ":1", "host:", "ho st:1", "host:1\n"] {
        let error = package::ccaas("a", &Connection { address: address.into(), ..connection() }).unwrap_err();
        assert!(matches!(error, PackageError::Connection("address")), "{address}: {error}");
    }
    let silent = Connection { dial_timeout: String::new(), ..connection() };
    assert!(matches!(package::ccaas("a", &silent), Err(PackageError::Connection("dial_timeout"))));
}
