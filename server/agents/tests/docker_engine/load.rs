//! Image archives on a real engine: what it saves itself, with all that engines write into archives, is taken again.

use agents::{Agent, receive_archive};
use futures::TryStreamExt;

use crate::bed::on_engine;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_saves_passes_the_check_and_loads() {
    on_engine(async |bed| {
        let chunks: Vec<_> = bed.hands.export_image(&bed.image).try_collect().await.unwrap();
        let saved = receive_archive(futures::stream::iter([Ok(chunks.concat())])).await.unwrap();
        assert_eq!(saved.images().len(), 1);
        assert_eq!(saved.images()[0].names, std::slice::from_ref(&bed.image));
        let loaded = bed.agent.load_image(&saved).await.unwrap();
        assert_eq!(loaded[0].id, bed.agent.image(&bed.image).await.unwrap().unwrap().id);
    })
    .await;
}
