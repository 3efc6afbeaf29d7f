//! A connector whose streams come from a function.

use async_trait::async_trait;
use provisioning_net::{BoxedStream, ByteStream, Connector, Target};
use provisioning_types::{Progress, TransportError};

/// Reports its target's URI as every connector does, and connects with a function.
#[derive(Debug, Clone)]
pub struct ConnectWith<F>(pub F);

#[async_trait]
impl<F, S> Connector for ConnectWith<F>
where
    F: Fn(&Target<'_>) -> Result<S, TransportError> + Send + Sync,
    S: ByteStream,
{
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        target.report(progress);
        Ok(Box::new(self.0(target)?))
    }
}
