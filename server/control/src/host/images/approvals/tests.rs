//! Approving and revoking, over an in-memory store and a simulated engine.

use agents::Agent;
use domain::host::{HostView, ImageState, ImageUse};
use domain::operation::OperationState;
use domain::permission::Role;

use super::*;
use crate::host::tests::{Bed, caller, image_archive};

const MINE: &str = "heddle.local/mine:1";
const OFFERED: &str = "registry.example/team/cc:1";

/// What a façade answers: nothing, or a code and the field it is about.
type Answer = Result<(), (Code, Option<String>)>;

async fn approve(bed: &Bed, host: &HostView, role: Role, image: &str) -> Answer {
    let answer = bed.plane.host_image_approve(&caller(role), &host.id, image).await;
    answer.map_err(|error| (error.code, error.field))
}

async fn revoke(bed: &Bed, host: &HostView, role: Role, image: &str) -> Answer {
    let answer = bed.plane.host_image_revoke(&caller(role), &host.id, image).await;
    answer.map_err(|error| (error.code, error.field))
}

async fn listed(bed: &Bed, host: &HostView) -> Vec<ApprovedImage> {
    bed.plane.host_image_approvals(&caller(Role::Operator), &host.id).await.unwrap()
}

fn refused(code: Code, field: Option<&str>) -> Answer {
    Err((code, field.map(str::to_owned)))
}

/// How the host's page shows an approved image.
async fn shown(bed: &Bed, host: &HostView, image: &str) -> Option<ImageState> {
    let images = bed.plane.host_images(&caller(Role::Operator), &host.id).await.unwrap();
    let approved =
        |view: &domain::host::ImageView| view.reference == image && view.purpose == ImageUse::Chaincode;
    images.into_iter().find(approved).map(|view| view.state)
}

#[tokio::test]
async fn staff_approve_what_is_there_and_take_it_back() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    bed.local.add_image(MINE);
    bed.local.add_image_with_volumes("heddle.local/keeps:1", &["/var/left"]);
    assert_eq!(approve(&bed, &host, Role::User, MINE).await, refused(Code::NotAllowed, None));
    let (image, operator) = (Some("image"), Role::Operator);
    for (name, code) in [
        ("heddle.local/gone:1", Code::ImageNotOnHost),
        ("heddle.local/keeps:1", Code::ImageHasVolumes),
        ("Not A Name", Code::ImageNameMalformed),
        ("", Code::FieldMissing),
    ] {
        assert_eq!(approve(&bed, &host, operator, name).await, refused(code, image), "{name}");
    }
    assert!(listed(&bed, &host).await.is_empty());
    assert_eq!(approve(&bed, &host, operator, MINE).await, Ok(()));
    assert_eq!(approve(&bed, &host, Role::Admin, MINE).await, Ok(()), "once is enough");
    let all = listed(&bed, &host).await;
    assert_eq!((all.len(), all[0].reference.as_str(), all[0].by.as_str()), (1, MINE, "ada"));
    assert!(matches!(shown(&bed, &host, MINE).await, Some(ImageState::Present { .. })));
    assert_eq!(revoke(&bed, &host, Role::User, MINE).await, refused(Code::NotAllowed, None));
    assert_eq!(revoke(&bed, &host, operator, "heddle.local/gone:1").await, refused(Code::NotFound, image));
    assert_eq!(revoke(&bed, &host, operator, &all[0].id).await, Ok(()));
    assert_eq!((listed(&bed, &host).await, shown(&bed, &host, MINE).await), (Vec::new(), None));
    let record = bed.plane.host_record(&host.id).await.unwrap();
    let asked = bed.plane.chaincode_image_check(&caller(Role::User), &record, MINE).await;
    assert_eq!(asked.unwrap_err().code, Code::ImageOutsideRules);
    bed.plane.audit.flush().await;
    let audit = bed.plane.audit_list(&caller(Role::Admin), None).await.unwrap();
    let object = format!("host/{}/image/{MINE}", host.id);
    let is_result = |row: &&domain::audit::AuditView| row.object == object && row.result != "begun";
    let of = |what: &str| audit.iter().filter(is_result).filter(|row| row.what == what).count();
    assert_eq!((of("host-image-approve"), of("host-image-revoke")), (3, 1));
}

#[tokio::test]
async fn a_full_list_refuses_and_forgets_nobody() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    bed.local.add_image(MINE);
    let old = |number: usize| ApprovedImage {
        id: format!("sha256:{number:064x}"),
        reference: format!("heddle.local/old:{number}"),
        by: "ada".to_owned(),
        at_ms: 1,
    };
    let many: Vec<ApprovedImage> = (0..APPROVED_MAX).map(old).collect();
    bed.plane.services.keep_approved(&host.id, &many).await.unwrap();
    assert_eq!(approve(&bed, &host, Role::Operator, MINE).await, refused(Code::ApprovalsFull, Some("image")));
    // An archive is refused as a whole, before the engine sees it.
    let archive = futures::stream::iter([Ok(image_archive("heddle.local/brought:1", false))]);
    let upload = bed.plane.host_image_upload(&caller(Role::Operator), &host.id, archive).await.unwrap_err();
    assert_eq!((upload.code, upload.field.as_deref()), (Code::ApprovalsFull, Some("archive")));
    assert_eq!(bed.local.image("heddle.local/brought:1").await.unwrap(), None);
    assert_eq!(listed(&bed, &host).await, many);
    assert_eq!(revoke(&bed, &host, Role::Operator, "heddle.local/old:7").await, Ok(()));
    assert_eq!(approve(&bed, &host, Role::Operator, MINE).await, Ok(()));
    assert_eq!(listed(&bed, &host).await.len(), APPROVED_MAX);
}

#[tokio::test]
async fn an_approved_image_that_is_gone_can_be_pulled_and_another_content_is_not_it() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let gone = ApprovedImage {
        id: "sha256:gone".to_owned(),
        reference: OFFERED.to_owned(),
        by: "ada".to_owned(),
        at_ms: 1,
    };
    bed.plane.services.keep_approved(&host.id, &[gone]).await.unwrap();
    bed.local.offer_image(OFFERED);
    assert_eq!(shown(&bed, &host, OFFERED).await, Some(ImageState::Missing));
    let id =
        bed.plane.host_prepare(&caller(Role::Operator), &host.id, Some(OFFERED.to_owned())).await.unwrap();
    assert_eq!(bed.settled(&id).await.summary.state, OperationState::Done);
    // What the registry has by now is not what was approved.
    assert!(matches!(shown(&bed, &host, OFFERED).await, Some(ImageState::Replaced { .. })));
    assert_eq!(approve(&bed, &host, Role::Operator, OFFERED).await, Ok(()));
    assert!(matches!(shown(&bed, &host, OFFERED).await, Some(ImageState::Present { .. })));
}
