//! Configurations that cannot be used.

use martlet::tls::{TlsConfig, TlsVersion};
use martlet::{Client, Kind};

use crate::certs::{CA, Leaf};
use crate::{text, trusting};

/// What building a client with it says.
fn refused(config: TlsConfig) -> String {
    let e = Client::builder().tls(config).build().unwrap_err();
    assert_eq!(e.kind(), Kind::Builder);
    text(&e)
}

#[test]
fn mistakes_come_out_when_the_client_is_built_and_say_what_is_wrong() {
    let (mine, other) = (CA.leaf(), CA.leaf());
    let key = mine.key.serialize_pem();
    let nowhere = "/nowhere/at/all.pem";
    let cases = [
        (TlsConfig::new().add_root_certificates_pem(""), "holds no certificate"),
        (TlsConfig::new().add_root_certificates_pem(&key), "holds no certificate"),
        (TlsConfig::new().add_root_certificates_pem("-----BEGIN CERTIFICATE-----\n"), "without an end"),
        (TlsConfig::new().add_root_certificate_der([1, 2, 3]), "cannot be a root"),
        (TlsConfig::new().add_root_certificates_file(nowhere), nowhere),
        (TlsConfig::new().only_added_roots(), "none was added"),
        (TlsConfig::new().identity_files(nowhere, nowhere), nowhere),
        (TlsConfig::new().identity_pem(&mine.pem, ""), "no private key"),
        (TlsConfig::new().identity_pem("", &key), "holds no certificate"),
        (TlsConfig::new().identity_pem(&other.pem, &key), "client identity"),
        (TlsConfig::new().identity_der(Vec::new(), mine.key.serialize_der()), "no certificate"),
        (TlsConfig::new().identity_der(vec![mine.chain[0].to_vec()], [0; 9]), "neither PKCS#8"),
        (TlsConfig::new().add_crls_pem(&mine.pem), "holds no revocation list"),
        (TlsConfig::new().add_crl_der([1, 2, 3]), "revocation list"),
        (TlsConfig::new().add_crls_file(nowhere), nowhere),
        (trusting().add_crls_pem(CA.revoke(1)).danger_accept_invalid_certs(true), "any certificate"),
        (trusting().min_version(TlsVersion::Tls13).max_version(TlsVersion::Tls12), "TLS 1.3"),
    ];
    for (config, part) in cases {
        let text = refused(config);
        assert!(text.contains(part), "{text:?} says nothing of {part:?}");
    }
}

#[test]
fn an_encrypted_key_is_called_so() {
    let mine = CA.leaf();
    let key = mine.key.serialize_pem().replace("PRIVATE", "ENCRYPTED PRIVATE");
    let text = refused(TlsConfig::new().identity_pem(&mine.pem, key));
    assert!(text.contains("encrypted keys must be decrypted first"), "{text}");
}

#[test]
fn the_first_mistake_is_the_one_that_is_told() {
    let config = TlsConfig::new().add_root_certificates_file("/nowhere/one").add_crls_file("/nowhere/two");
    let text = refused(config);
    assert!(text.contains("/nowhere/one") && !text.contains("/nowhere/two"), "{text}");
}

#[test]
fn no_mistake_tells_anything_of_a_key() {
    let mine = Leaf::self_signed();
    let key = mine.key.serialize_pem();
    let broken = key.replacen("-----END", "!!-----END", 1);
    let other = CA.leaf();
    for config in [
        TlsConfig::new().identity_pem(&mine.pem, &broken),
        TlsConfig::new().identity_pem(&broken, &broken),
        TlsConfig::new().identity_pem(&other.pem, &key),
        TlsConfig::new().add_root_certificates_pem(&broken),
    ] {
        let e = Client::builder().tls(config.clone()).build().unwrap_err();
        let printed = format!("{config:?} {e:?} {}", text(&e));
        for line in key.lines().filter(|line| !line.starts_with('-')) {
            assert!(!printed.contains(line), "{printed}");
        }
    }
}

#[test]
fn what_is_printed_of_a_configuration_has_no_key_and_no_certificate() {
    let mine = CA.leaf();
    let config = trusting().identity_pem(&mine.pem, mine.key.serialize_pem());
    let printed = format!("{config:#?}");
    assert!(printed.len() < 700, "{printed}");
    let debugged = format!("{:?}", Client::builder().tls(config).build().unwrap());
    assert!(!debugged.contains("BEGIN"), "{debugged}");
}
