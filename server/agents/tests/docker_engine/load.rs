//! Image archives on a real engine: what passed the check is loaded, and nothing takes another image's name.

use agents::{Agent, AgentError, receive_archive};
use bollard::query_parameters::RemoveImageOptions;
use futures::TryStreamExt;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::bed::{Bed, on_engine};

/// An archive with one image of one empty layer, made here.
fn archive(bed: &Bed, name: &str, volumes: bool) -> Vec<u8> {
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    let content = format!("made for {}", bed.installation);
    header.set_mode(0o644);
    header.set_size(u64::try_from(content.len()).unwrap());
    layer.append_data(&mut header, "made", content.as_bytes()).unwrap();
    let layer = layer.into_inner().unwrap();
    let volumes = if volumes { json!({"/var/left": {}}) } else { json!(null) };
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Volumes": volumes},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex::encode(Sha256::digest(&layer)))]},
    });
    let list = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in [
        ("layer.tar", layer),
        ("config.json", config.to_string().into_bytes()),
        ("manifest.json", list.to_string().into_bytes()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(u64::try_from(content.len()).unwrap());
        archive.append_data(&mut header, path, content.as_slice()).unwrap();
    }
    archive.into_inner().unwrap()
}

async fn receive(bytes: Vec<u8>) -> agents::CheckedArchive {
    receive_archive(futures::stream::iter([Ok(bytes)])).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_becomes_an_image_with_its_volumes_known() {
    on_engine(async |bed| {
        let name = format!("heddle.local/load-{}:1", bed.installation);
        let checked = receive(archive(&bed, &name, true)).await;
        let loaded = bed.agent.load_image(&checked).await;
        let again = bed.agent.load_image(&checked).await;
        let other = receive(archive(&bed, &name, false)).await;
        let taken = bed.agent.load_image(&other).await;
        let found = bed.agent.image(&name).await;
        let options = Some(RemoveImageOptions { force: true, ..RemoveImageOptions::default() });
        bed.hands.remove_image(&name, options, None).await.unwrap();
        let loaded = loaded.unwrap();
        assert_eq!(loaded.len(), 1);
        assert!(checked.images()[0].is(&loaded[0].id), "{loaded:?}");
        assert_eq!(
            (loaded[0].volumes.as_slice(), loaded[0].local_only),
            (&["/var/left".to_owned()][..], true)
        );
        assert_eq!(again.unwrap(), loaded, "the same archive again changes nothing");
        assert_eq!(taken, Err(AgentError::Conflict(name)));
        assert_eq!(found.unwrap().unwrap().id, loaded[0].id, "the name still means the first image");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_saves_passes_the_check_and_loads() {
    on_engine(async |bed| {
        let chunks: Vec<_> = bed.hands.export_image(&bed.image).try_collect().await.unwrap();
        let saved = receive(chunks.concat()).await;
        assert_eq!(saved.images().len(), 1);
        assert_eq!(saved.images()[0].names, std::slice::from_ref(&bed.image));
        let loaded = bed.agent.load_image(&saved).await.unwrap();
        assert_eq!(loaded[0].id, bed.agent.image(&bed.image).await.unwrap().unwrap().id);
    })
    .await;
}
