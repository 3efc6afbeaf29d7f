//! `dps register`: from words to an outcome.

use provisioning_device::RegistrationId;
use tokio::runtime::Runtime;

use crate::{
    args::{Register, Registration},
    credential::credential,
    failure::Failure,
    inputs::{Inputs, registration_id},
    issuance::Issuance,
    keeper::Keeper,
    local::LocalService,
    logging,
    options::Options,
    outcome::Assigned,
    progress::Progress,
    store::Store,
};

/// The registration id of `--local` unless one is given.
const LOCAL_DEVICE: &str = "device-1";

/// Runs the command; what it returns is all that is left to print.
pub(crate) fn run(args: &Register) -> Result<Assigned, Failure> {
    let logging = logging::start(args.output.verbose);
    // Before the runtime: bad input needs none.
    let keeper = Keeper {
        store: args.keeping.store.as_deref().map(Store::open).transpose()?,
        issuance: Issuance::prepare(&args.certificate, || device(args))?,
    };
    let options = Options::read(&args.registration)?
        .with_csr(keeper.csr(), args.certificate.csr.clone())
        .with_force(args.keeping.force);
    let service = if args.local {
        options.check(local_device(args))?;
        None
    } else {
        Some(Inputs::of_service(&args.registration, &options)?)
    };
    let runtime = Runtime::new().map_err(|error| Failure::local(&error))?;
    let progress = Progress::new(logging);
    let result = runtime.block_on(async {
        match service {
            Some(inputs) => keeper.register(&inputs, &progress).await,
            None => register_locally(args, &options, keeper, &progress).await,
        }
    });
    progress.finish();
    // A name that is still being resolved must not keep the program.
    runtime.shutdown_background();
    result
}

/// Which device it is.
fn device(args: &Register) -> Result<RegistrationId, Failure> {
    let Registration { service, identity, .. } = &args.registration;
    Ok(match registration_id(service) {
        _ if args.local => RegistrationId::new(local_device(args))?,
        Some(id) => RegistrationId::new(id)?,
        None => credential(identity, None)?.registration_id()?,
    })
}

fn local_device(args: &Register) -> &str {
    let given = args.registration.service.registration_id.as_deref();
    given.unwrap_or(LOCAL_DEVICE)
}

async fn register_locally(
    args: &Register,
    options: &Options<'_>,
    keeper: Keeper,
    progress: &Progress,
) -> Result<Assigned, Failure> {
    progress.say("starting a local service");
    let local = LocalService::start(local_device(args)).await?;
    let result = match Inputs::of_local_service(&args.registration, options, &local) {
        Ok(inputs) => keeper.register(&inputs, progress).await,
        Err(error) => Err(error.into()),
    };
    local.stop().await;
    result
}
