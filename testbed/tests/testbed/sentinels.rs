use crate::wire::Wire;
use cloakroom_testbed::{Sentinels, Server};

#[tokio::test]
async fn sentinels_name_another_master_after_its_death() {
    let all = Sentinels::builder().replicas(1).password("pass").start().await.unwrap();
    assert_eq!((all.urls().len(), all.servers().len()), (3, 2));
    let old = all.master().await.unwrap();
    let ask = format!("SENTINEL GET-MASTER-ADDR-BY-NAME {}\r\n", all.master_name());
    let answer = |master: &Server| format!("*2\r\n$9\r\n127.0.0.1\r\n$5\r\n{}\r\n", master.port());
    let mut wire = Wire::open(all.sentinels()[2].address()).await;
    wire.ask(&ask, &answer(old)).await;

    let new = all.kill_master().await.unwrap();
    assert_ne!(new.port(), old.port());
    assert!(!old.is_running());
    wire.ask(&ask, &answer(new)).await;
    new.command(&["SET", "k", "v"]).await.unwrap();
}
