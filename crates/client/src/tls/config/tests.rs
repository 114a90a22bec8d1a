use super::*;

#[test]
fn the_first_mistake_is_kept() {
    let config = TlsConfig::new()
        .add_root_certificates_pem("nothing")
        .add_root_certificates_file("/nonexistent/roots.pem")
        .min_version(TlsVersion::Tls13);
    let e = config.check().unwrap_err().to_string();
    assert_eq!(e, "the PEM of root certificates holds no certificate");
}

#[test]
fn a_missing_file_is_named() {
    for config in [
        TlsConfig::new().add_root_certificates_file("/nonexistent/it.pem"),
        TlsConfig::new().add_crls_file("/nonexistent/it.pem"),
        TlsConfig::new().identity_files("/nonexistent/it.pem", "/nonexistent/it.pem"),
    ] {
        let e = config.check().unwrap_err();
        assert_eq!(e.to_string(), "/nonexistent/it.pem cannot be read");
        assert!(std::error::Error::source(&e).is_some());
    }
}

#[test]
fn a_config_without_a_word_is_right() {
    TlsConfig::default().check().unwrap();
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
#[test]
fn without_cryptography_the_features_are_named() {
    let e = TlsConfig::new().load(&[]).unwrap_err().to_string();
    assert!(e.contains("`ring`") && e.contains("`aws-lc-rs`"), "{e}");
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod with_certificates {
    use super::*;
    use crate::tls::testing::{CA, Directory};

    #[test]
    fn neither_keys_nor_certificates_are_printed() {
        let mine = CA.leaf();
        let config = TlsConfig::new()
            .add_root_certificates_pem(&CA.pem)
            .identity_pem(&mine.pem, mine.key.serialize_pem())
            .add_crls_pem(CA.revoke(7, 3000));
        assert_eq!(
            format!("{config:?}"),
            "TlsConfig { roots: Bundled, added_roots: 1, trust_environment: true, \
             identity_certificates: Some(1), revocation_lists: 1, min_version: Tls12, max_version: Tls13, \
             logs_keys: false, danger_accept_invalid_certs: false, mistake: None, .. }"
        );
    }

    #[test]
    fn files_are_read_when_they_are_given() {
        let directory = Directory::new();
        let mine = CA.leaf();
        let config = TlsConfig::new()
            .add_root_certificates_file(directory.file("ca.pem", &CA.pem))
            .add_crls_file(directory.file("crl.pem", CA.revoke(7, 3000)))
            .identity_files(
                directory.file("me.pem", &mine.pem),
                directory.file("me.key", mine.key.serialize_pem()),
            );
        drop(directory);
        config.check().unwrap();
    }
}
