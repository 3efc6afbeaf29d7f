//! Flags of the device's credential.

use std::time::{Duration, Instant};

use clap::Args;
use provisioning_device::InputFile;

use super::{durations::seconds, input_file::input_file};
use crate::input::environment::file_variable;

#[derive(Debug, Args)]
#[command(next_help_heading = "Credential")]
pub(crate) struct Identity {
    /// The device's certificate and its intermediates, PEM or DER
    #[arg(long, value_name = "FILE", value_parser = input_file())]
    cert: Option<InputFile>,

    /// The certificate's private key, PEM or DER: PKCS#8, SEC1 or PKCS#1; the file of --cert unless given
    #[arg(long, value_name = "FILE", value_parser = input_file())]
    key: Option<InputFile>,

    /// The passphrase of an encrypted PKCS#8 key; a line break at the end of the file is ignored
    #[arg(long, value_name = "FILE", value_parser = input_file(), conflicts_with_all = ["symmetric_key_file", "group_key_file", "sas_token_file"])]
    pub(crate) key_passphrase_file: Option<InputFile>,

    /// The device's symmetric key, base64, instead of a certificate
    #[arg(long, value_name = "FILE", value_parser = input_file(), conflicts_with_all = ["cert", "key"])]
    pub(crate) symmetric_key_file: Option<InputFile>,

    /// An enrollment group's key, base64, from which the device's key is derived: for tests, not for devices
    #[arg(long, value_name = "FILE", value_parser = input_file(), conflicts_with_all = ["cert", "key", "symmetric_key_file"])]
    pub(crate) group_key_file: Option<InputFile>,

    /// A SAS token that another program made
    #[arg(long, value_name = "FILE", value_parser = input_file(), conflicts_with_all = ["cert", "key", "symmetric_key_file", "group_key_file"])]
    pub(crate) sas_token_file: Option<InputFile>,

    /// How long SAS tokens that a symmetric key signs are valid; 3600 unless given
    ///
    /// A new token is signed for each connection.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) sas_lifetime: Option<Duration>,

    /// The files that the variables name, which stand in for --cert and --key. One value each: a pipe is read once.
    #[arg(skip = file_variable("CERTIFICATE_FILE"))]
    cert_variable: Option<InputFile>,

    #[arg(skip = file_variable("KEY_FILE"))]
    key_variable: Option<InputFile>,
}

impl Identity {
    /// Reads no pipe or device beyond the deadline, whether a flag or a variable names it.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        let files = [
            &mut self.cert,
            &mut self.cert_variable,
            &mut self.key,
            &mut self.key_variable,
            &mut self.key_passphrase_file,
            &mut self.symmetric_key_file,
            &mut self.group_key_file,
            &mut self.sas_token_file,
        ];
        for file in files.into_iter().flatten() {
            *file = file.clone().with_deadline(deadline);
        }
    }

    /// The file of --cert, or else of its variable.
    pub(crate) fn cert(&self) -> Option<&InputFile> {
        self.cert.as_ref().or(self.cert_variable.as_ref())
    }

    /// The file of --key, or else of its variable.
    pub(crate) fn key(&self) -> Option<&InputFile> {
        self.key.as_ref().or(self.key_variable.as_ref())
    }

    /// Whether --key is given, rather than its variable.
    pub(crate) fn has_key_flag(&self) -> bool {
        self.key.is_some()
    }

    /// The files with secrets that are named.
    pub(crate) fn secret_files(&self) -> impl Iterator<Item = &InputFile> {
        let named = [
            self.key().or(self.cert()),
            self.key_passphrase_file.as_ref(),
            self.symmetric_key_file.as_ref(),
            self.group_key_file.as_ref(),
            self.sas_token_file.as_ref(),
        ];
        named.into_iter().flatten()
    }

    /// All files that are named.
    pub(crate) fn files(&self) -> impl Iterator<Item = &InputFile> {
        self.secret_files().chain(self.cert())
    }
}
