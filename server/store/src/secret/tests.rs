//! Secrets that go with others, on both engines of the store.

use super::*;

async fn on_both<F: AsyncFn(Store)>(check: F) {
    check(Store::open("mem://").await.unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("surrealkv://{}", folder.path().join("db").display());
    check(Store::open(&url).await.unwrap()).await;
}

fn sealed(key: &str, content: u8) -> SealedSecret {
    SealedSecret { key: key.to_owned(), sealed: vec![content], key_version: 3, created_ms: 1 }
}

const CA: &str = "chain/c/Org1MSP/ca";
const USER: &str = "chain/c/Org1MSP/user/u1";

#[tokio::test]
async fn a_secret_that_goes_with_another_is_made_once_and_only_beside_it() {
    on_both(async |store| {
        let alone = store.secret_create(&sealed(USER, 1), CA).await;
        assert!(matches!(alone, Err(StoreError::NotFound)), "{alone:?}");
        assert!(store.secret_list_prefix("chain/").await.unwrap().is_empty());
        store.secret_put(&sealed(CA, 9)).await.unwrap();
        store.secret_create(&sealed(USER, 1), CA).await.unwrap();
        let again = store.secret_create(&sealed(USER, 2), CA).await;
        assert!(matches!(again, Err(StoreError::Taken { what: "key" })), "{again:?}");
        // What it goes with is as it was.
        let kept = store.secret_list_prefix("chain/c/").await.unwrap();
        assert_eq!(kept, [sealed(CA, 9), sealed(USER, 1)]);
    })
    .await;
}

/// Whichever is first: no key is left of a chain whose keys were removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_made_beside_what_is_being_removed() {
    on_both(async |store| {
        for round in 0..25 {
            store.secret_put(&sealed(CA, 9)).await.unwrap();
            let making: Vec<_> = (0..4)
                .map(|n| {
                    let store = store.clone();
                    let user = format!("chain/c/Org1MSP/user/u{n}");
                    tokio::spawn(async move { store.secret_create(&sealed(&user, 1), CA).await })
                })
                .collect();
            store.secret_delete_prefix("chain/c/").await.unwrap();
            for made in making {
                let made = made.await.unwrap();
                assert!(matches!(made, Ok(()) | Err(StoreError::NotFound)), "round {round}: {made:?}");
            }
            let left = store.secret_list_prefix("chain/").await.unwrap();
            assert!(left.is_empty(), "round {round}: {left:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_an_earlier_chain_left_goes_when_the_next_one_gets_its_keys() {
    on_both(async |store| {
        for left in [USER, CA, "chain/cc/Org1MSP/ca"] {
            store.secret_put(&sealed(left, 1)).await.unwrap();
        }
        let anew = [sealed(CA, 2), sealed("chain/c/portal/ca", 2)];
        store.secret_replace_prefix("chain/c/", &anew).await.unwrap();
        assert_eq!(store.secret_list_prefix("chain/c/").await.unwrap(), anew);
        assert_eq!(store.secret_list_prefix("chain/cc/").await.unwrap().len(), 1);
    })
    .await;
}
