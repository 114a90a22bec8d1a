//! Why TLS failed.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, Error};

/// Why TLS failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The server's certificate was turned down.
    Verify(VerifyFailure),
    /// The server turned the connection down, with this alert (RFC 8446 §6.2): 116 for a client certificate that is
    /// missing, 120 where it speaks none of the protocols that were offered, 40 for nothing in common otherwise.
    Alert(u8),
    /// The two have no version, cipher suite or extension in common that is needed.
    Incompatible,
    /// What came is not TLS, or breaks its rules: a server without TLS on this port, a record that was tampered with.
    Protocol,
    /// This side is at fault: a configuration that cannot be used, no clock, no random numbers.
    Config,
    /// The connection ended or failed before the handshake was complete. TLS is not to blame; the source says what
    /// happened.
    Interrupted,
}

/// Why a certificate was turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyFailure {
    /// A certificate of the chain is not valid any more.
    Expired,
    /// A certificate of the chain is not valid yet; often it is the clock of this machine that is wrong.
    NotYetValid,
    /// The certificate is for other names; the source's text lists them.
    WrongName,
    /// The chain leads to no root that is trusted. A server that does not send its intermediate certificates looks the
    /// same.
    UnknownIssuer,
    /// A revocation list names it.
    Revoked,
    /// No revocation list covers it, or the one that does has expired.
    RevocationUnknown,
    /// A signature is wrong: that of an issuer, or that of the server in the handshake.
    BadSignature,
    /// Anything else; the source says what.
    Other,
}

impl TlsFailure {
    /// The failure of TLS that an IO error stands for, if it does.
    ///
    /// Errors of the stream can be told apart by it also after the handshake: under TLS 1.3 a server complains of a missing
    /// client certificate in the place of its response.
    pub(crate) fn of(e: &io::Error) -> Option<Self> {
        let mut inner = e.get_ref()?;
        // One that was passed through another error of IO, or that several requests share.
        loop {
            let shared = || inner.downcast_ref::<Arc<io::Error>>().map(|shared| &**shared);
            match inner.downcast_ref::<io::Error>().or_else(shared) {
                Some(next) => inner = next.get_ref()?,
                None => break,
            }
        }
        inner.downcast_ref::<Error>().map(Self::of_rustls)
    }

    fn of_rustls(e: &Error) -> Self {
        match e {
            Error::InvalidCertificate(e) => Self::Verify(VerifyFailure::of(e)),
            Error::AlertReceived(alert) => Self::Alert(u8::from(*alert)),
            Error::PeerIncompatible(_) => Self::Incompatible,
            Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::InvalidEncryptedClientHello(_)
            | Error::InvalidMessage(_)
            | Error::NoCertificatesPresented
            | Error::DecryptError
            | Error::PeerMisbehaved(_)
            | Error::PeerSentOversizedRecord => Self::Protocol,
            _ => Self::Config,
        }
    }
}

impl VerifyFailure {
    fn of(e: &CertificateError) -> Self {
        match e {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::UnknownRevocationStatus
            | CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => Self::RevocationUnknown,
            CertificateError::BadSignature => Self::BadSignature,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verify(failure) => failure.fmt(f),
            Self::Alert(alert) => match alert_name(*alert) {
                Some(name) => write!(f, "the server refused by the TLS alert {name} ({alert})"),
                None => write!(f, "the server refused by the TLS alert {alert}"),
            },
            Self::Incompatible => f.write_str("the server's TLS and this one have too little in common"),
            Self::Protocol => f.write_str("the server does not speak TLS, or breaks its rules"),
            Self::Config => f.write_str("TLS cannot be spoken as it is configured here"),
            Self::Interrupted => f.write_str("the connection was lost in the TLS handshake"),
        }
    }
}

impl fmt::Display for VerifyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the server's certificate has expired",
            Self::NotYetValid => "the server's certificate is not valid yet",
            Self::WrongName => "the server's certificate is for another name",
            Self::UnknownIssuer => "the server's certificate is of an unknown issuer",
            Self::Revoked => "the server's certificate was revoked",
            Self::RevocationUnknown => "it is not known whether the server's certificate was revoked",
            Self::BadSignature => "a signature of the server is wrong",
            Self::Other => "the server's certificate was turned down",
        })
    }
}

/// The name of an alert as RFC 8446 §6 spells it, and its predecessors where it has it no more.
fn alert_name(alert: u8) -> Option<&'static str> {
    Some(match AlertDescription::from(alert) {
        AlertDescription::CloseNotify => "close_notify",
        AlertDescription::UnexpectedMessage => "unexpected_message",
        AlertDescription::BadRecordMac => "bad_record_mac",
        AlertDescription::DecryptionFailed => "decryption_failed",
        AlertDescription::RecordOverflow => "record_overflow",
        AlertDescription::DecompressionFailure => "decompression_failure",
        AlertDescription::HandshakeFailure => "handshake_failure",
        AlertDescription::NoCertificate => "no_certificate",
        AlertDescription::BadCertificate => "bad_certificate",
        AlertDescription::UnsupportedCertificate => "unsupported_certificate",
        AlertDescription::CertificateRevoked => "certificate_revoked",
        AlertDescription::CertificateExpired => "certificate_expired",
        AlertDescription::CertificateUnknown => "certificate_unknown",
        AlertDescription::IllegalParameter => "illegal_parameter",
        AlertDescription::UnknownCA => "unknown_ca",
        AlertDescription::AccessDenied => "access_denied",
        AlertDescription::DecodeError => "decode_error",
        AlertDescription::DecryptError => "decrypt_error",
        AlertDescription::ExportRestriction => "export_restriction",
        AlertDescription::ProtocolVersion => "protocol_version",
        AlertDescription::InsufficientSecurity => "insufficient_security",
        AlertDescription::InternalError => "internal_error",
        AlertDescription::InappropriateFallback => "inappropriate_fallback",
        AlertDescription::UserCanceled => "user_canceled",
        AlertDescription::NoRenegotiation => "no_renegotiation",
        AlertDescription::MissingExtension => "missing_extension",
        AlertDescription::UnsupportedExtension => "unsupported_extension",
        AlertDescription::CertificateUnobtainable => "certificate_unobtainable",
        AlertDescription::UnrecognisedName => "unrecognized_name",
        AlertDescription::BadCertificateStatusResponse => "bad_certificate_status_response",
        AlertDescription::BadCertificateHashValue => "bad_certificate_hash_value",
        AlertDescription::UnknownPSKIdentity => "unknown_psk_identity",
        AlertDescription::CertificateRequired => "certificate_required",
        AlertDescription::NoApplicationProtocol => "no_application_protocol",
        AlertDescription::EncryptedClientHelloRequired => "ech_required",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
