//! What the environment says. It is looked at in a process of its own: in this one others look at it, too.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use martlet::tls::{TlsConfig, TlsFailure, VerifyFailure};
use martlet::{Client, Kind};

use crate::certs::CA;
use crate::common::flavor::Flavor;
use crate::{get_url, server};

/// What the process is to do: it is not set in the first one.
const TASK: &str = "MARTLET_TEST_TASK";
const URL: &str = "MARTLET_TEST_URL";

const VARIABLES: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"];

/// A directory that goes away.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("martlet-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a test of this file again, in an environment with these variables.
fn again(test: &str, task: &str, url: &str, variables: &[(&str, &Path)]) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("environment::{test}"), "--nocapture"]);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.env(TASK, task).env(URL, url).envs(variables.iter().copied());
    let output = command.output().unwrap();
    // That it ran at all is said, too.
    let ran = String::from_utf8_lossy(&output.stdout).contains("1 passed");
    assert!(output.status.success() && ran, "{task}: {output:?}");
}

/// What becomes of a request with this configuration.
fn outcome(config: TlsConfig) -> Result<String, Kind> {
    let url = env::var(URL).unwrap();
    let client = Client::builder().tls(config).build().unwrap();
    Flavor::TokioOneThread.block_on(async move { get_url(&client, &url).await.map_err(|e| e.kind()) })
}

const UNKNOWN: Kind = Kind::Tls(TlsFailure::Verify(VerifyFailure::UnknownIssuer));

#[test]
fn the_roots_that_the_environment_names_are_trusted_unless_that_is_switched_off() {
    match env::var(TASK).as_deref() {
        Ok("trusts") => {
            assert_eq!(outcome(TlsConfig::new()).unwrap(), "hello");
            assert_eq!(outcome(TlsConfig::new().trust_environment(false)), Err(UNKNOWN));
            // Who names his own and only those has said enough.
            let other = crate::certs::Authority::new("Somebody else");
            let only = TlsConfig::new().add_root_certificates_pem(&other.pem);
            assert_eq!(outcome(only.clone()).unwrap(), "hello");
            assert_eq!(outcome(only.only_added_roots()), Err(UNKNOWN));
        }
        Ok("does not trust") => assert_eq!(outcome(TlsConfig::new()), Err(UNKNOWN)),
        Ok("finds nothing") => {
            assert_eq!(outcome(TlsConfig::new()), Err(Kind::Tls(TlsFailure::Config)));
            assert_eq!(outcome(TlsConfig::new().trust_environment(false)), Err(UNKNOWN));
        }
        Ok(task) => panic!("no task: {task}"),
        Err(_) => {
            let (server, directory) = (server(), Directory::new("roots"));
            let file = directory.file("ca.pem", &CA.pem);
            directory.file("readme.txt", "nothing");
            let other = Directory::new("other-roots");
            let stranger = other.file("other.pem", &crate::certs::Authority::new("Somebody else").pem);
            let missing = directory.0.join("missing.pem");
            let run = |task: &str, variables: &[(&str, &Path)]| {
                again(
                    "the_roots_that_the_environment_names_are_trusted_unless_that_is_switched_off",
                    task,
                    &server.url("/"),
                    variables,
                );
            };
            run("trusts", &[("SSL_CERT_FILE", &file)]);
            run("trusts", &[("SSL_CERT_DIR", &directory.0)]);
            run("trusts", &[("SSL_CERT_FILE", &stranger), ("SSL_CERT_DIR", &directory.0)]);
            run("does not trust", &[]);
            run("does not trust", &[("SSL_CERT_FILE", Path::new(""))]);
            run("does not trust", &[("SSL_CERT_FILE", &stranger)]);
            run("finds nothing", &[("SSL_CERT_FILE", &missing)]);
            run("finds nothing", &[("SSL_CERT_DIR", &missing)]);
        }
    }
}

#[test]
fn keys_are_logged_to_the_file_that_the_environment_names_if_that_is_asked_for() {
    let config = || TlsConfig::new().add_root_certificates_pem(own_ca());
    match env::var(TASK).as_deref() {
        Ok("logs") => assert_eq!(outcome(config().key_log_file()).unwrap(), "hello"),
        Ok("does not log") => assert_eq!(outcome(config()).unwrap(), "hello"),
        Ok(task) => panic!("no task: {task}"),
        Err(_) => {
            let (server, directory) = (server(), Directory::new("keys"));
            directory.file("ca.pem", &CA.pem);
            let log = directory.0.join("keys.log");
            for (task, logs) in [("does not log", false), ("logs", true)] {
                let test = "keys_are_logged_to_the_file_that_the_environment_names_if_that_is_asked_for";
                again(test, task, &server.url("/"), &[("SSLKEYLOGFILE", &log)]);
                let text = fs::read_to_string(&log).unwrap_or_default();
                assert_eq!(text.contains("CLIENT_TRAFFIC_SECRET_0"), logs, "{text}");
            }
        }
    }
}

/// The authority of the first process: it lies beside the log.
fn own_ca() -> String {
    let log = PathBuf::from(env::var_os("SSLKEYLOGFILE").unwrap());
    fs::read_to_string(log.with_file_name("ca.pem")).unwrap()
}
