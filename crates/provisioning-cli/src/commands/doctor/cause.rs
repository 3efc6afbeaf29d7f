//! Which finding explains which others, so that the summary begins with the one to act on.

use super::{
    code::Code::{self, *},
    finding::Finding,
};

/// A problem, and the problems that it explains. Where several rows explain the same, the first one counts. A check
/// that a problem prevents is skipped, and needs no row.
const EXPLAINS: &[(Code, &[Code])] = &[
    (
        ClockBehind,
        &[CertificateNotYetValid, ServerCertificateNotYetValid, TokenRefused],
    ),
    (
        ClockAhead,
        &[CertificateExpired, TokenExpired, ServerCertificateExpired, TokenRefused],
    ),
    (ProxyIgnored, &[NameNotResolved, ResolverSilent, PortNotReached]),
    (ProxyFailed, &[PortNotReached]),
    (ServiceRootMissing, &[ServerRootNotTrusted]),
    // A middlebox that inspects TLS.
    (TlsInspected, &[ClientCertificateRejected, CertificateRefused]),
    (DataNotAnswered, &[RegistrationTimedOut]),
    (Redirected, &[RegistrationRefused]),
    // Problems of the inputs and the credential.
    (IdScopeInvalid, &[RegistrationInput]),
    (RegistrationIdInvalid, &[RegistrationInput]),
    (RegistrationIdMissing, &[RegistrationInput]),
    (CredentialUnreadable, &[RegistrationInput]),
    (PrivateKeyUnusable, &[RegistrationInput]),
    (RegistrationIdMismatch, &[CertificateRefused]),
    (CertificateNotYetValid, REJECTED),
    (CertificateExpired, REJECTED),
    (NoClientAuthentication, REJECTED),
    (NoDigitalSignature, REJECTED),
    (WeakSignature, REJECTED),
    (ShortRsaKey, REJECTED),
    (ChainOrder, REJECTED),
    (ChainIncomplete, REJECTED),
    (TokenExpired, &[TokenRefused]),
    (
        ClientCertificateRejected,
        &[CertificateRefused, RegistrationNotConnected],
    ),
];

/// The problems that a certificate explains which servers do not accept.
const REJECTED: &[Code] = &[ClientCertificateRejected, CertificateRefused, RegistrationNotConnected];

/// What explains the first failure: the failure itself, or the problem behind it.
pub(crate) fn of(findings: &[Finding]) -> Option<&Finding> {
    let mut cause = findings.iter().find(|finding| finding.is_failed())?;
    while let Some(behind) = explanation(cause.code(), findings) {
        cause = behind;
    }
    Some(cause)
}

fn explanation(code: Code, findings: &[Finding]) -> Option<&Finding> {
    let rows = EXPLAINS.iter().filter(|(_, explained)| explained.contains(&code));
    rows.map(|(behind, _)| behind)
        .find_map(|&behind| findings.iter().find(|it| it.code() == behind && !it.is_aside()))
}

#[cfg(test)]
mod tests {
    use provisioning_device::ErrorKind;

    use super::*;
    use crate::output::failure::Failure;

    fn problem(code: Code) -> Finding {
        Finding::failed("check", code, Failure::new(ErrorKind::Tls, code.as_str()))
    }

    fn warning(code: Code) -> Finding {
        Finding::warning("check", code, Failure::new(ErrorKind::Tls, code.as_str()))
    }

    fn cause_of(findings: &[Finding]) -> Option<Code> {
        of(findings).map(Finding::code)
    }

    #[test]
    fn nothing_explains_itself_not_even_in_a_circle() {
        for &code in Code::ALL {
            let (mut behind, mut steps) = (vec![code], 0);
            while let Some(code) = behind.pop() {
                let rows = EXPLAINS.iter().filter(|(_, explained)| explained.contains(&code));
                behind.extend(rows.map(|(code, _)| *code));
                steps += 1;
                assert!(steps < 1000, "a circle with {code:?}");
            }
        }
    }

    #[test]
    fn what_is_behind_a_failure_is_the_cause_over_several_steps_and_even_if_it_only_warns() {
        assert_eq!(cause_of(&[]), None);
        assert_eq!(cause_of(&[warning(ClockOff)]), None, "nothing failed");
        let findings = [
            problem(CertificateNotYetValid),
            problem(ServerCertificateNotYetValid),
            problem(ClockBehind),
            problem(RegistrationNotConnected),
        ];
        assert_eq!(cause_of(&findings), Some(ClockBehind));
        assert_eq!(cause_of(&findings[2..]), Some(ClockBehind), "the first failure");
        let findings = [warning(ChainOrder), problem(CertificateRefused)];
        assert_eq!(cause_of(&findings), Some(ChainOrder));
    }

    #[test]
    fn what_does_not_explain_a_failure_is_not_its_cause() {
        let findings = [problem(ClockAhead), problem(CertificateNotYetValid)];
        assert_eq!(cause_of(&findings[1..]), Some(CertificateNotYetValid));
        let findings = [warning(ChainOrder), problem(TokenRefused)];
        assert_eq!(cause_of(&findings), Some(TokenRefused));
        let findings = [warning(ServiceRootMissing), problem(ServerNotTrusted)];
        assert_eq!(cause_of(&findings), Some(ServerNotTrusted), "another signer");
        let findings = [problem(DataNotAnswered).set_aside(), problem(RegistrationTimedOut)];
        assert_eq!(
            cause_of(&findings),
            Some(RegistrationTimedOut),
            "it did not use that port"
        );
    }
}
