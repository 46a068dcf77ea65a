//! An image that somebody brings: saved by an engine, sent to the portal as a file, and run as chaincode.

use serde_json::{Value, json};

use crate::Scene;
use crate::bed::Call;

/// What is saved and brought back under another name.
const SAMPLE: &str = "heddle.local/chaincode-example02:2";

impl Scene {
    /// The row of an image in a list, if it is there.
    fn listed(&self, function: &str, image: &str) -> Option<Value> {
        let rows = self.call(function, &json!({ "id": self.host }));
        rows.as_array().unwrap().iter().find(|row| row["reference"] == image).cloned()
    }
}

#[test]
fn an_archive_that_an_engine_saved_is_uploaded_listed_approved_and_run() {
    let Some(scene) = Scene::new("upload", 19_000) else { return };
    let image = scene.engine.tag_image(SAMPLE, &format!("heddle.local/{}", scene.chain));
    let archive = scene.engine.export_image(&image);
    // Only the name goes: what is under it stays for the sample.
    scene.engine.remove_image(&image);
    assert_eq!(scene.listed("host_images", &image), None);
    let path = format!("/hosts/{}/images", scene.host.as_str().unwrap());
    let answer = scene.portal.send(Call::post(&path).bytes(&archive).cookie(&scene.cookie));
    assert_eq!(answer.status, 200, "{answer:?}");
    let loaded: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&loaded[0]["reference"], loaded.as_array().unwrap().len()), (&json!(image), 1), "{loaded}");

    let row = scene.listed("host_images", &image).expect("the image is on the host's page");
    assert_eq!((&row["purpose"], &row["state"]["state"]), (&json!("chaincode"), &json!("present")), "{row}");
    assert_eq!(row["state"]["id"], loaded[0]["state"]["id"], "{row}");
    let approval = scene.listed("host_image_approvals", &image).expect("who brings an image approves it");
    assert_eq!(approval["by"], "ada", "{approval}");
    // The approval is one like any other: taken back and given again.
    for (function, is_approved) in [("host_image_revoke", false), ("host_image_approve", true)] {
        scene.call(function, &json!({ "id": scene.host, "image": image }));
        assert_eq!(scene.listed("host_image_approvals", &image).is_some(), is_approved, "{function}");
    }

    scene.ends(&scene.create("create-once"), "done");
    let mut spec = scene.call("chaincode_sample", &json!({ "chain": scene.chain }));
    spec["image"] = json!(image);
    let operation = scene.call("chaincode_deploy", &json!({ "spec": spec, "key": "deploy-brought" }));
    scene.ends(&operation, "done");
    scene.submit("init", &["a", "100", "b", "200"]);
    scene.holds("100");
    scene.delete();
    scene.engine.remove_image(&image);
}
