use super::*;
use crate::tls::TlsConfig;
use crate::tls::testing::{CA, Directory};

fn refused(chain: &str, key: &str) -> String {
    Identity::from_pem(chain.as_bytes(), key.as_bytes()).err().unwrap().to_string()
}

#[test]
fn chain_and_key_may_be_one_text_or_two() {
    let mine = CA.leaf();
    let key = mine.key.serialize_pem();
    let both = format!("{}{}{key}", mine.pem, CA.pem);
    for identity in [
        Identity::from_pem(both.as_bytes(), both.as_bytes()),
        Identity::from_pem(both.as_bytes(), key.as_bytes()),
    ] {
        let (chain, key) = identity.unwrap().parts();
        assert_eq!(chain, mine.chain);
        assert_eq!(key, mine.key_der());
    }
}

#[test]
fn der_is_taken() {
    let mine = CA.leaf();
    let identity = Identity::from_der(vec![mine.chain[0].to_vec()], mine.key.serialize_der()).unwrap();
    assert_eq!(identity.parts().0, mine.chain[..1]);
    assert!(Identity::from_der(vec![], mine.key.serialize_der()).is_err());
    assert!(Identity::from_der(vec![vec![1]], vec![1, 2, 3]).is_err());
}

#[test]
fn a_mistake_names_its_file() {
    let directory = Directory::new();
    let mine = CA.leaf();
    let (chain, empty) = (directory.file("chain.pem", &mine.pem), directory.file("empty.pem", ""));
    let e = Identity::from_files(&chain, &empty).err().unwrap().to_string();
    assert!(e.contains("empty.pem") && e.contains("private key"), "{e}");
    let e = Identity::from_files(&empty, &chain).err().unwrap().to_string();
    assert!(e.contains("empty.pem") && e.contains("certificate"), "{e}");
    let e = Identity::from_files(&directory.path().join("missing.pem"), &chain).err().unwrap().to_string();
    assert!(e.contains("missing.pem"), "{e}");
}

#[test]
fn an_encrypted_key_is_told() {
    let key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(refused(&CA.leaf().pem, key).contains("decrypted"));
}

#[test]
fn no_error_quotes_a_key() {
    let mine = CA.leaf();
    let broken = [
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n",
        "-----BEGIN PRIVATE KEY\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n!c2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n",
        "-----BEGIN c2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n",
    ];
    for key in broken {
        for e in [
            Identity::from_pem(mine.pem.as_bytes(), key.as_bytes()),
            Identity::from_pem(format!("{key}{}", mine.pem).as_bytes(), key.as_bytes()),
            Identity::from_der(vec![vec![1]], key.into()),
        ] {
            let e = e.err().unwrap();
            assert!(!format!("{e:?} {e}").contains("c2Vj"), "{e:?}");
        }
    }
}

#[test]
fn the_text_of_a_key_that_was_given_as_a_path_is_not_printed() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n";
    for config in [
        TlsConfig::new().identity_files(key, key),
        TlsConfig::new().add_root_certificates_file(key),
        TlsConfig::new().add_crls_file(key),
    ] {
        let e = config.check().expect_err("it is no path");
        let text = format!("{e} {e:?} {config:?}");
        assert!(text.contains("no path") && !text.contains("MIGH"), "{text}");
    }
}
