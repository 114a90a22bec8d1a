//! One request on each runtime, and in a line for each what came of it. To try out what a server does with TLS; the interop
//! run uses it, too.
//!
//! ```text
//! cargo run --example probe --all-features -- --ca ca.pem --identity client.pem client.key https://localhost:8443/
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use martlet::Client;
use martlet::tls::TlsConfig;

const USAGE: &str = "\
probe [options] <URL>

  --ca FILE              trust the certificates in this file, and no others
  --crls FILE            refuse what the revocation lists in this file name
  --identity CHAIN KEY   show this certificate to servers that ask for one
  --connect-to ADDRESS   connect to this address, whatever the host of the URL is
";

fn main() -> ExitCode {
    let Some(probe) = Probe::from_arguments(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match probe.on_each_runtime() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

struct Probe {
    url: String,
    tls: TlsConfig,
    address: Option<SocketAddr>,
}

impl Probe {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut tls = TlsConfig::new();
        let (mut url, mut address) = (None, None);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--ca" => tls = tls.add_root_certificates_file(arguments.next()?).only_added_roots(),
                "--crls" => tls = tls.add_crls_file(arguments.next()?),
                "--identity" => tls = tls.identity_files(arguments.next()?, arguments.next()?),
                "--connect-to" => address = Some(arguments.next()?.parse().ok()?),
                _ if url.is_none() && !argument.starts_with("--") => url = Some(argument),
                _ => return None,
            }
        }
        Some(Self { url: url?, tls, address })
    }

    fn on_each_runtime(&self) -> Result<(), Box<dyn Error>> {
        let client = || Client::builder().tls(self.tls.clone()).build();
        println!("tokio: {}", tokio::runtime::Runtime::new()?.block_on(self.outcome(client()?)));
        println!("async-std: {}", async_std::task::block_on(self.outcome(client()?)));
        println!("smol: {}", smol::block_on(self.outcome(client()?)));
        Ok(())
    }

    /// A clause for the response, or one for the failure.
    async fn outcome(&self, client: Client) -> String {
        self.fetch(client).await.unwrap_or_else(|e| {
            let mut text = format!("{:?}, {} certificates", e.kind(), e.peer_certificates().len());
            text += &format!(", {}: {e}", e.delivery());
            let mut cause = e.source();
            while let Some(e) = cause {
                text += &format!(": {e}");
                cause = e.source();
            }
            text
        })
    }

    async fn fetch(&self, client: Client) -> Result<String, martlet::Error> {
        let mut request = client.get(self.url.as_str());
        if let Some(address) = self.address {
            request = request.connect_to(address);
        }
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let (tls, certificates) = match response.connection().tls() {
            Some(tls) => (tls.protocol_version().to_string(), tls.peer_certificates().len()),
            None => (String::from("no TLS"), 0),
        };
        let mut length = 0;
        while let Some(piece) = response.chunk().await? {
            length += piece.len();
        }
        Ok(format!("{status}, {length} octets, {tls}, {certificates} certificates"))
    }
}
