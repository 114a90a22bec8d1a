use super::*;

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert!(!Environment::new(None, None).is_set());
    assert!(!Environment::new(Some("".into()), Some("".into())).is_set());
    assert!(Environment::new(Some("x".into()), None).is_set());
    assert!(Environment::new(None, Some("x".into())).is_set());
}

#[test]
fn the_bundled_roots_are_some() {
    assert!(bundled().len() > 50);
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod with_certificates {
    use super::*;
    use crate::tls::testing::{Authority, CA, Directory};

    #[test]
    fn file_and_directories_are_read_together() {
        let (one, other) = (Directory::new(), Directory::new());
        let file = one.file("bundle.pem", &CA.pem);
        other.file("der", &Authority::new("Two").der);
        other.file("pem", Authority::new("Three").pem);
        other.file("README", "no certificate");
        let directories = env::join_paths([other.path(), Path::new("/nonexistent")]).unwrap();
        let environment = Environment::new(Some(file.into()), Some(directories));
        assert_eq!(environment.load().unwrap().len(), 3);
    }

    #[test]
    fn places_without_a_root_are_named() {
        let directory = Directory::new();
        let environment = Environment::new(None, Some(directory.path().into()));
        let e = environment.load().unwrap_err().to_string();
        assert!(e.contains("SSL_CERT_DIR") && e.contains(&directory.path().display().to_string()), "{e}");
    }

    #[test]
    fn a_file_may_be_pem_or_der() {
        let directory = Directory::new();
        let pem = directory.file("pem", format!("a comment\n{}{}", CA.pem, CA.pem));
        assert_eq!(certificates(&pem).unwrap(), [CA.der.clone(), CA.der.clone()]);
        let der = directory.file("der", &CA.der);
        assert_eq!(certificates(&der).unwrap(), std::slice::from_ref(&CA.der));
    }

    #[test]
    fn what_cannot_be_a_root_is_told_by_its_place() {
        let e = check(&[CA.der.clone(), CertificateDer::from(vec![1])], "a bundle").unwrap_err();
        assert_eq!(e.to_string(), "certificate 2 in a bundle cannot be a root");
    }
}
