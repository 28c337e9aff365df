//! sea-orm with SQLite in memory, through its feature `tracing-spans`.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectOptions, Database};

use crate::Outcome;

mod order {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i32,
        pub(crate) item: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) async fn run() -> Outcome {
    let mut options = ConnectOptions::new("sqlite::memory:");
    let db = Database::connect(options.max_connections(1).to_owned()).await?;
    db.execute_unprepared("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)").await?;
    let pears = order::ActiveModel { id: Set(7), item: Set("SECRET".to_owned()) };
    order::Entity::insert(pears.clone()).exec(&db).await?;
    let found = order::Entity::find().filter(order::Column::Item.eq("SECRET")).one(&db).await?;
    if found.is_none() {
        return Err("the order is not there".into());
    }
    db.execute_unprepared("UPDATE orders SET item = 'SECRET' WHERE item = 'SECRET'").await?;
    let twice = order::Entity::insert(pears).exec(&db).await;
    db.close().await?;
    if twice.is_err() { Ok(()) } else { Err("one id twice was accepted".into()) }
}
