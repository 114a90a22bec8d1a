use super::*;

fn failure(e: Error) -> Option<TlsFailure> {
    TlsFailure::of(&io::Error::new(io::ErrorKind::InvalidData, e))
}

#[test]
fn errors_of_io_are_no_failures_of_tls() {
    assert_eq!(TlsFailure::of(&io::ErrorKind::ConnectionReset.into()), None);
    assert_eq!(TlsFailure::of(&io::Error::other("something else")), None);
}

#[test]
fn a_failure_is_found_inside_other_errors_of_io() {
    let inner = io::Error::new(io::ErrorKind::InvalidData, Error::DecryptError);
    assert_eq!(TlsFailure::of(&io::Error::other(inner)), Some(TlsFailure::Protocol));
}

#[test]
fn every_check_of_a_certificate_has_its_own_failure() {
    let of = |e| match failure(Error::InvalidCertificate(e)) {
        Some(TlsFailure::Verify(failure)) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(of(CertificateError::Expired), VerifyFailure::Expired);
    assert_eq!(of(CertificateError::NotValidYet), VerifyFailure::NotYetValid);
    assert_eq!(of(CertificateError::NotValidForName), VerifyFailure::WrongName);
    assert_eq!(of(CertificateError::UnknownIssuer), VerifyFailure::UnknownIssuer);
    assert_eq!(of(CertificateError::Revoked), VerifyFailure::Revoked);
    assert_eq!(of(CertificateError::ExpiredRevocationList), VerifyFailure::RevocationUnknown);
    assert_eq!(of(CertificateError::BadSignature), VerifyFailure::BadSignature);
    assert_eq!(of(CertificateError::BadEncoding), VerifyFailure::Other);
}

#[test]
fn what_is_wrong_here_is_not_blamed_on_the_server() {
    assert_eq!(failure(Error::FailedToGetCurrentTime), Some(TlsFailure::Config));
    assert_eq!(failure(Error::General(String::new())), Some(TlsFailure::Config));
    assert_eq!(failure(Error::DecryptError), Some(TlsFailure::Protocol));
}

#[test]
fn alerts_are_called_by_their_names() {
    let text = |alert| TlsFailure::Alert(alert).to_string();
    assert_eq!(text(40), "the server refused by the TLS alert handshake_failure (40)");
    assert_eq!(text(116), "the server refused by the TLS alert certificate_required (116)");
    assert_eq!(text(120), "the server refused by the TLS alert no_application_protocol (120)");
    assert_eq!(text(255), "the server refused by the TLS alert 255");
    let received = Error::AlertReceived(AlertDescription::CertificateRequired);
    assert_eq!(failure(received), Some(TlsFailure::Alert(116)));
}
