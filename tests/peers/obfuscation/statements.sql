== postgresql
SELECT "users"."id", "users"."email" FROM "users" WHERE "users"."email" = $1 LIMIT $2
SELECT "users".* FROM "users" WHERE "users"."deleted_at" IS NULL AND "users"."id" = 417 ORDER BY "users"."created_at" DESC LIMIT 25 OFFSET 50
SELECT 1 AS one FROM "orders" WHERE "orders"."token" = 'secret-token' LIMIT 1
SELECT COUNT(*) FROM "orders" WHERE "orders"."state" IN ('secret_open', 'secret_paid', 'secret_sent')
SELECT "orders"."id" AS t0_r0, "orders"."total" AS t0_r1, "lines"."id" AS t1_r0 FROM "orders" LEFT OUTER JOIN "lines" ON "lines"."order_id" = "orders"."id" WHERE "orders"."id" IN ($1, $2, $3)
INSERT INTO "orders" ("user_id", "total", "note") VALUES ($1, $2, $3) RETURNING "id"
INSERT INTO "audits" ("kind", "payload", "created_at") VALUES ('secret_kind', '{"a": "secret"}', '2024-05-01 10:20:30.123456') RETURNING "id"
UPDATE "users" SET "last_login" = '2025-02-03', "logins" = COALESCE("logins", 0) + 1 WHERE "users"."id" = 9
DELETE FROM "sessions" WHERE "sessions"."expires_at" < '2025-01-01 00:00:00'
SELECT id, name FROM customers WHERE id = ANY($1)
SELECT id, name FROM customers WHERE name ILIKE '%secret%' AND created_at > now() - interval '7 secret'
select u.id, u.name, count(o.id) as orders from users u left join orders o on o.user_id = u.id where u.active = true group by u.id, u.name having count(o.id) > 5
WITH recent AS (SELECT * FROM orders WHERE placed_at > '2024-secret') SELECT customer_id, sum(total) FROM recent GROUP BY customer_id
WITH RECURSIVE tree (id, parent, depth) AS (SELECT id, parent, 0 FROM nodes WHERE parent IS NULL UNION ALL SELECT n.id, n.parent, t.depth + 1 FROM nodes n JOIN tree t ON n.parent = t.id) SELECT * FROM tree WHERE depth < 10
WITH moved AS (DELETE FROM inbox WHERE read = true RETURNING *) INSERT INTO archive SELECT * FROM moved
INSERT INTO counters (name, n) VALUES ('secret', 1) ON CONFLICT (name) DO UPDATE SET n = counters.n + EXCLUDED.n
INSERT INTO tags (name) VALUES ('secret1'), ('secret2'), ('secret3') ON CONFLICT DO NOTHING
INSERT INTO points (x, y) SELECT x, y FROM unnest($1::int[], $2::int[]) AS t (x, y)
SELECT data->>'secret' FROM documents WHERE data->'secret'->>'secret' = 'secret'
SELECT data #>> '{secret,secret}' FROM documents WHERE data @> '{"secret": 1}'
SELECT data ? 'secret', data ?| array['secret', 'secret'], data ?& array['secret'] FROM documents
SELECT jsonb_set(data, '{secret}', '"secret"') FROM documents WHERE id = 12
SELECT * FROM documents WHERE data @? '$.secret[*] ? (@.a > 5)'
SELECT '2024-01-01'::date, 'secret'::text, 5::bigint, x::numeric(10, 2) FROM t
SELECT CAST('secret' AS uuid), CAST(42 AS numeric(12, 4))
SELECT E'secret\'secret', e'secret\nsecret'
SELECT U&'secret\0061' FROM t
SELECT $$secret$$, $tag$secret $$ secret$tag$
SELECT B'1010', X'1FF' FROM t
SELECT date_trunc('secret', created_at) AS day, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT row_number() OVER (PARTITION BY dept ORDER BY salary DESC) AS rank, name FROM staff WHERE salary BETWEEN 1000 AND 2000
SELECT name, lag(price, 1, 0) OVER w FROM prices WINDOW w AS (PARTITION BY sku ORDER BY day ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) FROM requests WHERE route = 'secret'
SELECT count(*) FILTER (WHERE state = 'secret') FROM jobs
SELECT DISTINCT ON (user_id) user_id, at FROM logins ORDER BY user_id, at DESC
SELECT * FROM a LEFT JOIN LATERAL (SELECT * FROM b WHERE b.a_id = a.id ORDER BY b.at DESC LIMIT 1) AS last ON true
SELECT * FROM jobs WHERE state = 'secret' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1
SELECT pg_advisory_xact_lock(8675309)
SELECT pg_notify('secret', 'secret')
LISTEN jobs
NOTIFY jobs, 'secret'
BEGIN
COMMIT
ROLLBACK
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY
SAVEPOINT active_record_1
RELEASE SAVEPOINT active_record_1
ROLLBACK TO SAVEPOINT active_record_1
SET statement_timeout = 5000
SET TIME ZONE 'secret'
SET LOCAL role TO reporting
SHOW search_path
DISCARD ALL
DEALLOCATE ALL
COPY users (id, name) FROM STDIN WITH (FORMAT csv, DELIMITER ',')
EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM t WHERE id = 77
VACUUM (VERBOSE, ANALYZE) users
REFRESH MATERIALIZED VIEW CONCURRENTLY daily_totals
CREATE TABLE IF NOT EXISTS users (id bigserial PRIMARY KEY, name varchar(100) NOT NULL DEFAULT 'secret', score double precision DEFAULT 1.5)
CREATE UNIQUE INDEX CONCURRENTLY idx_users_email ON users USING btree (lower(email)) WHERE deleted_at IS NULL
ALTER TABLE users ADD COLUMN plan text DEFAULT 'secret' NOT NULL
ALTER TABLE orders ADD CONSTRAINT total_positive CHECK (total >= 0)
DROP TABLE IF EXISTS tmp_users CASCADE
TRUNCATE TABLE events RESTART IDENTITY CASCADE
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO reporting
REVOKE ALL ON users FROM PUBLIC
CREATE ROLE reporting LOGIN PASSWORD 'secret'
CREATE FUNCTION add(a int, b int) RETURNS int AS $$ SELECT a + b $$ LANGUAGE sql
CREATE OR REPLACE FUNCTION touch() RETURNS trigger AS $body$ BEGIN NEW.note := 'secret'; RETURN NEW; END; $body$ LANGUAGE plpgsql
DO $do$ BEGIN PERFORM 'secret'; END $do$
CREATE EXTENSION IF NOT EXISTS "uuid-ossp"
CREATE TYPE mood AS ENUM ('secret_a', 'secret_b')
COMMENT ON TABLE users IS 'secret'
MERGE INTO stock AS s USING moves AS m ON s.sku = m.sku WHEN MATCHED THEN UPDATE SET n = s.n + m.n WHEN NOT MATCHED THEN INSERT (sku, n) VALUES (m.sku, m.n)
SELECT * FROM t WHERE name ~ '^secret' AND other !~* 'secret$'
SELECT * FROM t WHERE tsv @@ to_tsquery('secret', 'secret & secret') ORDER BY ts_rank(tsv, to_tsquery('secret')) DESC
SELECT ST_Distance(geom, ST_MakePoint(-71.06, 42.36)::geography) FROM places WHERE ST_DWithin(geom, ST_SetSRID(ST_MakePoint(1.5, 2.5), 4326), 1000)
SELECT embedding <-> '[1,2,3]' AS distance FROM items ORDER BY embedding <=> $1 LIMIT 5
SELECT arr[1], arr[2:3], ARRAY[1, 2, 3], '{1,2}'::int[] FROM t WHERE 5 = ANY(arr)
SELECT * FROM t WHERE (a, b) IN ((1, 2), (3, 4), (5, 6))
SELECT * FROM t WHERE (a, b) > ($1, $2) ORDER BY a, b LIMIT 100
SELECT CASE WHEN total > 100 THEN 'secret' WHEN total > 50 THEN 'secret' ELSE NULL END FROM orders
SELECT coalesce(name, 'secret') FROM users
SELECT a || ' ' || b AS full_name FROM people
SELECT -1, +2, 3.14, .5, 6., 7e10, 8.5E-3, 0x1F, 1_000_000
SELECT x-1, x - 1, x*-1, x/2, x%3, -x FROM t
SELECT a&1, a|2, a#3, ~a, a<<1, a>>2 FROM t
SELECT * FROM generate_series(1, 100) AS s (n)
SELECT * FROM "Weird ""Name""" WHERE "A b" = 1
SELECT "a"."b"."c" FROM "a"."b"
SELECT * FROM public.users AS "u" WHERE "u"."id" = 5
/* app=shop,route=secret */ SELECT * FROM users WHERE id = 5
SELECT * FROM users WHERE id = 5 /*controller='secret',traceparent='00-secret-01'*/
-- secret comment
  SELECT a -- secret
  FROM t /* secret
  secret */ WHERE b = 1
SELECT /*+ IndexScan(t secret) */ * FROM t
SELECT a FROM t; SELECT b FROM u;
SELECT a FROM t WHERE b = 'secret';
SELECT 'it''s secret', 'secret\', a FROM t
SELECT 'secret that was cut
SELECT a FROM t WHERE b = 'se''cret that was cut
SELECT a FROM t WHERE b = $x$secret that was cut
SELECT a FROM t /* secret that was cut
SELECT "name that was cut
SELECT a FROM t WHERE b IN (1, 2, 3
FETCH FORWARD 100 FROM cursor_1
DECLARE cursor_1 CURSOR FOR SELECT * FROM big WHERE k > 7
PREPARE p1 AS SELECT * FROM t WHERE id = $1
EXECUTE p1(15, 'secret')
CALL transfer(1, 2, 50.25)
SELECT * FROM transfer(1, 'secret')
LOCK TABLE users IN ACCESS EXCLUSIVE MODE
SELECT now() AT TIME ZONE 'secret'
SELECT EXTRACT(epoch FROM created_at) FROM t
SELECT substring(name FROM 1 FOR 3), trim(both 'secret' FROM name), position('secret' IN name) FROM t
SELECT interval '1 secret' * 5
SELECT count(*) FROM t TABLESAMPLE BERNOULLI (10)
SELECT * FROM t ORDER BY a NULLS LAST LIMIT ALL
SELECT id FROM ämter WHERE größe = 5 AND name = 'sécret secret'
SELECT count(1) FROM (SELECT DISTINCT a FROM t WHERE b <> 2) sub
SELECT EXISTS (SELECT 1 FROM users WHERE email = 'secret@example.com')
SELECT * FROM t WHERE NOT (a = 1 OR b = 2) AND c IS NOT TRUE
SELECT * FROM a NATURAL JOIN b CROSS JOIN c USING (id)
SELECT sum(a) FROM t GROUP BY GROUPING SETS ((a, b), (a), ())
(SELECT a FROM t LIMIT 5) UNION ALL (SELECT b FROM u LIMIT 5) EXCEPT SELECT 3
VALUES (1, 'secret'), (2, 'secret')
TABLE users
== mysql
SELECT `users`.`id`, `users`.`email` FROM `users` WHERE `users`.`email` = 'secret@example.com' LIMIT 1
SELECT `users`.`id` FROM `users` WHERE `users`.`id` = 5 LIMIT 10, 20
SELECT u.id AS user_id, u.name FROM `shop`.`users` AS u WHERE u.id IN (?, ?, ?)
INSERT INTO `users` (`name`, `age`) VALUES ('secret', 33), ('se\'cret', 44)
INSERT INTO t (a, b, c) VALUES (?, ?, ?)
INSERT INTO t (a, b) VALUES (?, ?), (?, ?), (?, ?)
INSERT INTO t SET a = 'secret', b = 2
INSERT INTO t (a, n) VALUES ('secret', 1) ON DUPLICATE KEY UPDATE n = n + VALUES(n)
INSERT IGNORE INTO t (a) VALUES ('secret')
REPLACE INTO t (a, b) VALUES (1, 'secret')
UPDATE `users` SET `name` = "secret", `updated_at` = NOW() WHERE `id` = 5
UPDATE users u JOIN orders o ON o.user_id = u.id SET u.total = u.total + o.total WHERE o.id = 5
DELETE u FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE o.id IS NULL
DELETE FROM `sessions` WHERE `expires` < 1700000000 LIMIT 1000
SELECT * FROM t WHERE a = "secret" AND b = 'secret'
SELECT * FROM t WHERE a = "it's secret" AND b = 'say "secret"'
SELECT * FROM t WHERE a LIKE "%secret%" ESCAPE '|'
SELECT CONCAT('secret', name, 'secret') FROM t
SELECT _utf8mb4'secret', N'secret', x'4D7953514C', 0x4D7953514C, b'0101', 0b0101
SELECT * FROM t WHERE data->'$.secret' = 5 AND data->>'$.secret' = 'secret'
SELECT JSON_EXTRACT(data, '$.secret') FROM t
SELECT @@session.auto_increment_increment AS auto_increment_increment
SET NAMES utf8mb4
SET autocommit=0
SET @total := 0
SELECT @row := @row + 1 AS n, t.* FROM t, (SELECT @row := 0) r
SELECT SQL_CALC_FOUND_ROWS * FROM t LIMIT 10
SELECT GROUP_CONCAT(name ORDER BY name SEPARATOR ', ') FROM t
SELECT * FROM t FORCE INDEX (idx_a) WHERE a = 1
SELECT * FROM t WHERE MATCH (title, body) AGAINST ('secret' IN BOOLEAN MODE)
SELECT IF(a > 1, 'secret', 'secret') FROM t
SELECT a DIV 2, a MOD 3, a XOR b FROM t
SELECT * FROM t WHERE created >= DATE_SUB(NOW(), INTERVAL 7 DAY)
SELECT 1 # secret comment
  FROM t
SHOW FULL FIELDS FROM `users`
SHOW VARIABLES LIKE 'secret'
SHOW TABLES
DESCRIBE `users`
EXPLAIN FORMAT=JSON SELECT * FROM t WHERE a = 5
CREATE TABLE `t` (`id` bigint unsigned NOT NULL AUTO_INCREMENT, `name` varchar(255) COLLATE utf8mb4_bin DEFAULT 'secret', PRIMARY KEY (`id`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
ALTER TABLE `t` ADD INDEX `idx_a` (`a`(20)), MODIFY `b` decimal(10,2)
DROP DATABASE IF EXISTS `test`
CALL sp_close_orders(2024, 'secret', @done)
LOAD DATA LOCAL INFILE 'secret.csv' INTO TABLE t FIELDS TERMINATED BY ',' LINES TERMINATED BY '\n'
START TRANSACTION
LOCK TABLES t READ
KILL QUERY 4711
USE shop
SELECT SLEEP(0.5)
SELECT 'a\\', b FROM t WHERE c = 'secret'
SELECT * FROM t WHERE a = 'secret' OR 1=1 -- '
SELECT * FROM t PARTITION (p0, p1) WHERE id BETWEEN 1 AND 2
SELECT * FROM t WHERE a = TRUE AND b = false AND c IS NULL
SELECT DATE_FORMAT(created, '%Y-%m-%d secret') FROM t
SELECT CAST(a AS UNSIGNED), CONVERT(b USING utf8mb4) FROM t
SELECT * FROM t WHERE id = 5 FOR UPDATE
SELECT * FROM t WHERE a REGEXP '^secret' LOCK IN SHARE MODE
SELECT LAST_INSERT_ID()
SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'secret' AND TABLE_TYPE = 'BASE TABLE'
XA START 'secret'
select user0_.id as id1_0_, user0_.name as name2_0_ from user user0_ where user0_.name=? and user0_.age>=18
select next_val as id_val from hibernate_sequence for update
update hibernate_sequence set next_val= ? where next_val=?
insert into book (author, title, id) values (?, ?, ?)
select b1_0.id,b1_0.author from book b1_0 where b1_0.author='secret' offset 0 rows fetch first 10 rows only
== mariadb
INSERT INTO t (a) VALUES ('secret') RETURNING id
SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-secret' WHERE id = 1
SELECT NEXTVAL(seq), LASTVAL(seq)
SELECT JSON_VALUE(doc, '$.secret') FROM t
== sqlite
SELECT "id", "name" FROM "users" WHERE "id" = ?1 AND "name" = :name AND "x" = @x AND "y" = $y
PRAGMA table_info("users")
PRAGMA journal_mode = WAL
INSERT OR REPLACE INTO kv (k, v) VALUES ('secret', 'secret')
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'secret'
SELECT * FROM users ORDER BY id LIMIT 20 OFFSET 40
SELECT [a b] FROM [t] WHERE [c] = 5
SELECT json_extract(doc, '$.secret') FROM t WHERE doc ->> 'secret' GLOB 'secret*'
INSERT INTO users (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET hits = hits + 1 RETURNING id
ATTACH DATABASE 'secret.db' AS aux
CREATE VIRTUAL TABLE docs USING fts5(title, body)
DELETE FROM t WHERE rowid = 12
BEGIN IMMEDIATE
SELECT datetime('now', '-1 secret')
== mssql
SELECT TOP (10) [u].[Id], [u].[Name] FROM [dbo].[Users] AS [u] WHERE [u].[Name] = @p0
SELECT TOP 1 [Extent1].[Id] AS [Id], [Extent1].[Name] AS [Name] FROM [dbo].[Orders] AS [Extent1] WHERE [Extent1].[Name] = N'secret'
SET NOCOUNT ON; INSERT INTO [Blogs] ([Url]) VALUES (@p0); SELECT [Id] FROM [Blogs] WHERE @@ROWCOUNT = 1 AND [Id] = scope_identity();
INSERT INTO [Orders] ([A], [B]) OUTPUT INSERTED.[Id] VALUES (@p0, @p1)
EXEC sp_executesql N'SELECT * FROM t WHERE a = @a', N'@a int', @a = 5
EXEC dbo.CloseOrder @OrderId = 42, @Reason = 'secret'
EXECUTE [dbo].[uspGetUser] 17
SELECT * FROM Orders WITH (NOLOCK) WHERE Id = 5
SELECT * FROM #temp WHERE a = 1
SELECT * FROM Orders ORDER BY Id OFFSET 20 ROWS FETCH NEXT 10 ROWS ONLY
DECLARE @x int = 5; SELECT @x
DECLARE @t TABLE (id int, name nvarchar(50)); INSERT INTO @t VALUES (1, N'secret')
MERGE INTO dbo.Stock WITH (HOLDLOCK) AS t USING (SELECT @Sku AS Sku, @N AS N) AS s ON t.Sku = s.Sku WHEN MATCHED THEN UPDATE SET N = t.N + s.N WHEN NOT MATCHED THEN INSERT (Sku, N) VALUES (s.Sku, s.N);
IF EXISTS (SELECT 1 FROM Users WHERE Email = 'secret') BEGIN SELECT 1 END ELSE BEGIN SELECT 0 END
SELECT CONVERT(varchar(10), GETDATE(), 120), DATEADD(day, -7, GETDATE())
SELECT * FROM OPENJSON(@json) WITH (id int '$.secret')
SELECT * FROM t CROSS APPLY STRING_SPLIT(t.tags, ',') s
SELECT name FROM sys.databases WHERE database_id > 4
SELECT * FROM Orders FOR JSON PATH, ROOT('secret')
SELECT a FROM t WHERE b = 0xDEADBEEF
BEGIN TRANSACTION; UPDATE t SET a = 1; COMMIT TRANSACTION
CREATE TABLE [dbo].[T] ([Id] int IDENTITY(1,1) NOT NULL, [Name] nvarchar(100) DEFAULT N'secret')
WAITFOR DELAY '00:00:05'
SELECT $1.50, a FROM t
SELECT * FROM a PIVOT (SUM(x) FOR y IN ([north], [south])) AS p
SELECT "Name" FROM "Users" WHERE "Id" = 5
RAISERROR ('secret', 16, 1)
== oracle
SELECT * FROM dual
SELECT id, name FROM users WHERE id = :1 AND name = :name
SELECT * FROM (SELECT a.*, ROWNUM rn FROM (SELECT * FROM users ORDER BY id) a WHERE ROWNUM <= 20) WHERE rn > 10
SELECT q'[it's secret]', q'{secret}', Nq'!secret!' FROM dual
SELECT DATE '2024-01-01', TIMESTAMP '2024-01-01 00:00:00' FROM dual
INSERT INTO users (id, name) VALUES (users_seq.NEXTVAL, 'secret') RETURNING id INTO :out
INSERT ALL INTO t (a) VALUES (1) INTO t (a) VALUES (2) SELECT * FROM dual
BEGIN pkg.close_order(:1, 'secret'); END;
DECLARE n NUMBER := 5; BEGIN n := n + 1; END;
MERGE INTO t USING dual ON (t.id = :1) WHEN MATCHED THEN UPDATE SET a = 'secret' WHEN NOT MATCHED THEN INSERT (id, a) VALUES (:2, 'secret')
SELECT * FROM emp START WITH mgr IS NULL CONNECT BY PRIOR id = mgr
SELECT a.x, b.y FROM a, b WHERE a.id = b.id (+) AND a.z = 5
SELECT TO_DATE('2024-01-01', 'YYYY-secret') FROM dual
SELECT /*+ INDEX(t idx_secret) */ * FROM t WHERE a = 1
SELECT LISTAGG(name, ', ') WITHIN GROUP (ORDER BY name) FROM t
SELECT * FROM t FETCH FIRST 5 ROWS ONLY
SELECT NVL(a, 0), DECODE(b, 1, 'secret', 'secret') FROM t
SELECT v$session.sid FROM v$session WHERE username = 'secret'
ALTER SESSION SET NLS_DATE_FORMAT = 'secret'
CALL dbms_output.put_line('secret')
SELECT "A"."Id" FROM "SHOP"."A" WHERE "A"."Name" = :p__linq__0
== db2
SELECT * FROM users WHERE id = ? FETCH FIRST 1 ROW ONLY WITH UR
VALUES NEXT VALUE FOR order_seq
SELECT CURRENT TIMESTAMP FROM SYSIBM.SYSDUMMY1
== cockroachdb
UPSERT INTO kv (k, v) VALUES ('secret', 5)
SELECT * FROM t AS OF SYSTEM TIME '-10 secret' WHERE id = 5
SELECT * FROM t@idx_a WHERE a = 1
SHOW TABLES FROM shop
== redshift
COPY sales FROM 's3://secret/data' IAM_ROLE 'arn:secret' FORMAT AS PARQUET
UNLOAD ('SELECT * FROM secret') TO 's3://secret' PARALLEL OFF
SELECT DATEDIFF(day, '2024-01-01', sold_at) FROM sales
== clickhouse
SELECT toStartOfHour(ts) AS h, count() FROM events WHERE ts >= '2024-01-01 00:00:00' GROUP BY h ORDER BY h LIMIT 100
INSERT INTO events (ts, name) VALUES ('2024-01-01', 'secret')
SELECT * FROM events PREWHERE id = 5 WHERE name = 'secret' SETTINGS max_threads = 4
SELECT arrayMap(x -> x * 2, [1, 2, 3]) FROM t
SELECT uniqExact(user_id), quantile(0.9)(ms) FROM requests FINAL SAMPLE 0.1
ALTER TABLE events DELETE WHERE ts < '2023-01-01'
SELECT * FROM numbers(10) FORMAT JSONEachRow
== cassandra
SELECT * FROM ks.users WHERE id = 5b6962dd-3f90-4c93-8f61-eabfa4a803e2
SELECT * FROM users WHERE id = ? ALLOW FILTERING
INSERT INTO ks.users (id, name) VALUES (uuid(), 'secret') IF NOT EXISTS USING TTL 86400
UPDATE ks.users SET tags = tags + {'secret'}, m['secret'] = 5 WHERE id = 1
BEGIN BATCH INSERT INTO t (a) VALUES (1); UPDATE t SET b = 'secret' WHERE a = 1; APPLY BATCH
SELECT token(id) FROM users WHERE token(id) > -9223372036854775808 LIMIT 5
CREATE TABLE ks.t (id uuid PRIMARY KEY, m map<text, int>) WITH gc_grace_seconds = 3600
TRUNCATE ks.users
== hsqldb
CALL NEXT VALUE FOR order_seq
SELECT LIMIT 0 10 * FROM users
== h2
MERGE INTO t KEY (id) VALUES (1, 'secret')
SELECT * FROM users WHERE name = 'secret' LIMIT 5
CREATE TABLE t (id IDENTITY, name VARCHAR(50) DEFAULT 'secret')
== teradata
SEL TOP 10 * FROM db.t WHERE d = DATE '2024-01-01'
SELECT * FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) = 1
== snowflake
SELECT $1, t.$2 FROM @stage t
SELECT data:a.b::string FROM t WHERE data:c = 'secret'
COPY INTO t FROM @stage FILE_FORMAT = (TYPE = 'secret')
SELECT * FROM t AT (OFFSET => -60)
== trino
SELECT * FROM hive.web.logs WHERE ds = '2024-01-01' AND regexp_like(path, 'secret')
SELECT approx_percentile(ms, 0.99) FROM t WHERE ts > TIMESTAMP '2024-01-01 00:00:00'
SELECT transform(arr, x -> x + 1) FROM t
== spanner
SELECT * FROM Users@{FORCE_INDEX=ByName} WHERE Name = @name
SELECT STRUCT(1 AS a, 'secret' AS b)
== voltdb
SELECT * FROM votes WHERE phone = 5551234 AND note = 'secret'
EXEC Vote 1, 'secret', 5
== bigquery
SELECT * FROM `project.dataset.table` WHERE day = DATE("2024-01-01") AND name = "secret"
SELECT r"secret", b"secret", """secret""" FROM t
== hive
INSERT OVERWRITE TABLE t PARTITION (ds = '2024-01-01') SELECT * FROM u WHERE a = "secret"
SELECT explode(split(tags, ",")) AS tag FROM t
== sybase
SELECT TOP 5 * FROM dbo.users WHERE name = 'secret' AT ISOLATION READ UNCOMMITTED
EXEC sp_who "secret"
== firebird
SELECT FIRST 10 SKIP 20 * FROM users WHERE name = 'secret'
EXECUTE PROCEDURE close_order(5, 'secret')
== informix
SELECT FIRST 5 * FROM users WHERE d = MDY(1, 2, 2024)
EXECUTE PROCEDURE f('secret')
== vertica
SELECT /*+ LABEL(secret) */ a FROM t WHERE b = 5 LIMIT 1 OVER (PARTITION BY c ORDER BY d)
== hanadb
UPSERT t VALUES (1, 'secret') WITH PRIMARY KEY
SELECT * FROM "SYS"."M_TABLES" WHERE "SCHEMA_NAME" = 'secret'
== postgresql
SELECT "users"."id", "users"."email", "users"."name" FROM "users" WHERE "users"."account_id" = $1 AND "users"."name" = $2 ORDER BY "users"."id" ASC LIMIT $3
SELECT "orders"."id", "orders"."number", "orders"."state" FROM "orders" WHERE "orders"."customer_id" = $1 AND "orders"."state" = $2 ORDER BY "orders"."id" ASC LIMIT $3
SELECT "products"."id", "products"."sku", "products"."title" FROM "products" WHERE "products"."category_id" = $1 AND "products"."title" = $2 ORDER BY "products"."id" ASC LIMIT $3
SELECT "invoices"."id", "invoices"."reference", "invoices"."currency" FROM "invoices" WHERE "invoices"."order_id" = $1 AND "invoices"."currency" = $2 ORDER BY "invoices"."id" ASC LIMIT $3
SELECT "payments"."id", "payments"."provider", "payments"."status" FROM "payments" WHERE "payments"."invoice_id" = $1 AND "payments"."status" = $2 ORDER BY "payments"."id" ASC LIMIT $3
SELECT "shipments"."id", "shipments"."carrier", "shipments"."tracking" FROM "shipments" WHERE "shipments"."order_id" = $1 AND "shipments"."tracking" = $2 ORDER BY "shipments"."id" ASC LIMIT $3
SELECT "reviews"."id", "reviews"."title", "reviews"."body" FROM "reviews" WHERE "reviews"."product_id" = $1 AND "reviews"."body" = $2 ORDER BY "reviews"."id" ASC LIMIT $3
SELECT "coupons"."id", "coupons"."code", "coupons"."kind" FROM "coupons" WHERE "coupons"."campaign_id" = $1 AND "coupons"."kind" = $2 ORDER BY "coupons"."id" ASC LIMIT $3
SELECT "addresses"."id", "addresses"."street", "addresses"."city" FROM "addresses" WHERE "addresses"."user_id" = $1 AND "addresses"."city" = $2 ORDER BY "addresses"."id" ASC LIMIT $3
SELECT "carts"."id", "carts"."token", "carts"."state" FROM "carts" WHERE "carts"."user_id" = $1 AND "carts"."state" = $2 ORDER BY "carts"."id" ASC LIMIT $3
SELECT "audit_logs"."id", "audit_logs"."actor", "audit_logs"."action" FROM "audit_logs" WHERE "audit_logs"."tenant_id" = $1 AND "audit_logs"."action" = $2 ORDER BY "audit_logs"."id" ASC LIMIT $3
SELECT "subscriptions"."id", "subscriptions"."plan", "subscriptions"."status" FROM "subscriptions" WHERE "subscriptions"."account_id" = $1 AND "subscriptions"."status" = $2 ORDER BY "subscriptions"."id" ASC LIMIT $3
INSERT INTO "users" ("email", "name", "account_id") VALUES ($1, $2, $3) RETURNING "users"."id"
INSERT INTO "orders" ("number", "state", "customer_id") VALUES ($1, $2, $3) RETURNING "orders"."id"
INSERT INTO "products" ("sku", "title", "category_id") VALUES ($1, $2, $3) RETURNING "products"."id"
INSERT INTO "invoices" ("reference", "currency", "order_id") VALUES ($1, $2, $3) RETURNING "invoices"."id"
INSERT INTO "payments" ("provider", "status", "invoice_id") VALUES ($1, $2, $3) RETURNING "payments"."id"
INSERT INTO "shipments" ("carrier", "tracking", "order_id") VALUES ($1, $2, $3) RETURNING "shipments"."id"
INSERT INTO "reviews" ("title", "body", "product_id") VALUES ($1, $2, $3) RETURNING "reviews"."id"
INSERT INTO "coupons" ("code", "kind", "campaign_id") VALUES ($1, $2, $3) RETURNING "coupons"."id"
INSERT INTO "addresses" ("street", "city", "user_id") VALUES ($1, $2, $3) RETURNING "addresses"."id"
INSERT INTO "carts" ("token", "state", "user_id") VALUES ($1, $2, $3) RETURNING "carts"."id"
INSERT INTO "audit_logs" ("actor", "action", "tenant_id") VALUES ($1, $2, $3) RETURNING "audit_logs"."id"
INSERT INTO "subscriptions" ("plan", "status", "account_id") VALUES ($1, $2, $3) RETURNING "subscriptions"."id"
SELECT users.id, users.email FROM users INNER JOIN parents ON parents.id = users.account_id WHERE users.name = 'secret-name' AND parents.active = true
SELECT orders.id, orders.number FROM orders INNER JOIN parents ON parents.id = orders.customer_id WHERE orders.state = 'secret-state' AND parents.active = true
SELECT products.id, products.sku FROM products INNER JOIN parents ON parents.id = products.category_id WHERE products.title = 'secret-title' AND parents.active = true
SELECT invoices.id, invoices.reference FROM invoices INNER JOIN parents ON parents.id = invoices.order_id WHERE invoices.currency = 'secret-currency' AND parents.active = true
SELECT payments.id, payments.provider FROM payments INNER JOIN parents ON parents.id = payments.invoice_id WHERE payments.status = 'secret-status' AND parents.active = true
SELECT shipments.id, shipments.carrier FROM shipments INNER JOIN parents ON parents.id = shipments.order_id WHERE shipments.tracking = 'secret-tracking' AND parents.active = true
SELECT reviews.id, reviews.title FROM reviews INNER JOIN parents ON parents.id = reviews.product_id WHERE reviews.body = 'secret-body' AND parents.active = true
SELECT coupons.id, coupons.code FROM coupons INNER JOIN parents ON parents.id = coupons.campaign_id WHERE coupons.kind = 'secret-kind' AND parents.active = true
SELECT addresses.id, addresses.street FROM addresses INNER JOIN parents ON parents.id = addresses.user_id WHERE addresses.city = 'secret-city' AND parents.active = true
SELECT carts.id, carts.token FROM carts INNER JOIN parents ON parents.id = carts.user_id WHERE carts.state = 'secret-state' AND parents.active = true
SELECT audit_logs.id, audit_logs.actor FROM audit_logs INNER JOIN parents ON parents.id = audit_logs.tenant_id WHERE audit_logs.action = 'secret-action' AND parents.active = true
SELECT subscriptions.id, subscriptions.plan FROM subscriptions INNER JOIN parents ON parents.id = subscriptions.account_id WHERE subscriptions.status = 'secret-status' AND parents.active = true
select count(*) as total, name from users where created_at >= '2025-01-01T00:00:00Z' group by name having count(*) > 10
select count(*) as total, state from orders where created_at >= '2025-02-01T00:00:00Z' group by state having count(*) > 20
select count(*) as total, title from products where created_at >= '2025-03-01T00:00:00Z' group by title having count(*) > 30
select count(*) as total, currency from invoices where created_at >= '2025-04-01T00:00:00Z' group by currency having count(*) > 40
select count(*) as total, status from payments where created_at >= '2025-05-01T00:00:00Z' group by status having count(*) > 50
select count(*) as total, tracking from shipments where created_at >= '2025-06-01T00:00:00Z' group by tracking having count(*) > 60
select count(*) as total, body from reviews where created_at >= '2025-07-01T00:00:00Z' group by body having count(*) > 70
select count(*) as total, kind from coupons where created_at >= '2025-08-01T00:00:00Z' group by kind having count(*) > 80
select count(*) as total, city from addresses where created_at >= '2025-09-01T00:00:00Z' group by city having count(*) > 90
select count(*) as total, state from carts where created_at >= '2025-01-01T00:00:00Z' group by state having count(*) > 10
select count(*) as total, action from audit_logs where created_at >= '2025-02-01T00:00:00Z' group by action having count(*) > 20
select count(*) as total, status from subscriptions where created_at >= '2025-03-01T00:00:00Z' group by status having count(*) > 30
== mysql
SELECT `users`.`id` AS `id`, `users`.`email` AS `email` FROM `users` WHERE `users`.`account_id` = 117 AND `users`.`name` = 'secret' ORDER BY `users`.`id` DESC LIMIT 10
SELECT `orders`.`id` AS `id`, `orders`.`number` AS `number` FROM `orders` WHERE `orders`.`customer_id` = 217 AND `orders`.`state` = 'secret' ORDER BY `orders`.`id` DESC LIMIT 20
SELECT `products`.`id` AS `id`, `products`.`sku` AS `sku` FROM `products` WHERE `products`.`category_id` = 317 AND `products`.`title` = 'secret' ORDER BY `products`.`id` DESC LIMIT 30
SELECT `invoices`.`id` AS `id`, `invoices`.`reference` AS `reference` FROM `invoices` WHERE `invoices`.`order_id` = 417 AND `invoices`.`currency` = 'secret' ORDER BY `invoices`.`id` DESC LIMIT 40
SELECT `payments`.`id` AS `id`, `payments`.`provider` AS `provider` FROM `payments` WHERE `payments`.`invoice_id` = 517 AND `payments`.`status` = 'secret' ORDER BY `payments`.`id` DESC LIMIT 50
SELECT `shipments`.`id` AS `id`, `shipments`.`carrier` AS `carrier` FROM `shipments` WHERE `shipments`.`order_id` = 617 AND `shipments`.`tracking` = 'secret' ORDER BY `shipments`.`id` DESC LIMIT 60
SELECT `reviews`.`id` AS `id`, `reviews`.`title` AS `title` FROM `reviews` WHERE `reviews`.`product_id` = 717 AND `reviews`.`body` = 'secret' ORDER BY `reviews`.`id` DESC LIMIT 70
SELECT `coupons`.`id` AS `id`, `coupons`.`code` AS `code` FROM `coupons` WHERE `coupons`.`campaign_id` = 817 AND `coupons`.`kind` = 'secret' ORDER BY `coupons`.`id` DESC LIMIT 80
SELECT `addresses`.`id` AS `id`, `addresses`.`street` AS `street` FROM `addresses` WHERE `addresses`.`user_id` = 917 AND `addresses`.`city` = 'secret' ORDER BY `addresses`.`id` DESC LIMIT 90
SELECT `carts`.`id` AS `id`, `carts`.`token` AS `token` FROM `carts` WHERE `carts`.`user_id` = 117 AND `carts`.`state` = 'secret' ORDER BY `carts`.`id` DESC LIMIT 10
SELECT `audit_logs`.`id` AS `id`, `audit_logs`.`actor` AS `actor` FROM `audit_logs` WHERE `audit_logs`.`tenant_id` = 217 AND `audit_logs`.`action` = 'secret' ORDER BY `audit_logs`.`id` DESC LIMIT 20
SELECT `subscriptions`.`id` AS `id`, `subscriptions`.`plan` AS `plan` FROM `subscriptions` WHERE `subscriptions`.`account_id` = 317 AND `subscriptions`.`status` = 'secret' ORDER BY `subscriptions`.`id` DESC LIMIT 30
UPDATE `users` SET `email` = ?, `name` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 1
UPDATE `orders` SET `number` = ?, `state` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 2
UPDATE `products` SET `sku` = ?, `title` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 3
UPDATE `invoices` SET `reference` = ?, `currency` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 4
UPDATE `payments` SET `provider` = ?, `status` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 5
UPDATE `shipments` SET `carrier` = ?, `tracking` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 6
UPDATE `reviews` SET `title` = ?, `body` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 7
UPDATE `coupons` SET `code` = ?, `kind` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 8
UPDATE `addresses` SET `street` = ?, `city` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 9
UPDATE `carts` SET `token` = ?, `state` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 1
UPDATE `audit_logs` SET `actor` = ?, `action` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 2
UPDATE `subscriptions` SET `plan` = ?, `status` = 'secret', `updated_at` = NOW() WHERE `id` = ? AND `lock_version` = 3
select u1_0.id,u1_0.email,u1_0.name from users u1_0 where u1_0.account_id in (?,?,?) and u1_0.name='secret'
select o1_0.id,o1_0.number,o1_0.state from orders o1_0 where o1_0.customer_id in (?,?,?) and o1_0.state='secret'
select p1_0.id,p1_0.sku,p1_0.title from products p1_0 where p1_0.category_id in (?,?,?) and p1_0.title='secret'
select i1_0.id,i1_0.reference,i1_0.currency from invoices i1_0 where i1_0.order_id in (?,?,?) and i1_0.currency='secret'
select p1_0.id,p1_0.provider,p1_0.status from payments p1_0 where p1_0.invoice_id in (?,?,?) and p1_0.status='secret'
select s1_0.id,s1_0.carrier,s1_0.tracking from shipments s1_0 where s1_0.order_id in (?,?,?) and s1_0.tracking='secret'
select r1_0.id,r1_0.title,r1_0.body from reviews r1_0 where r1_0.product_id in (?,?,?) and r1_0.body='secret'
select c1_0.id,c1_0.code,c1_0.kind from coupons c1_0 where c1_0.campaign_id in (?,?,?) and c1_0.kind='secret'
select a1_0.id,a1_0.street,a1_0.city from addresses a1_0 where a1_0.user_id in (?,?,?) and a1_0.city='secret'
select c1_0.id,c1_0.token,c1_0.state from carts c1_0 where c1_0.user_id in (?,?,?) and c1_0.state='secret'
select a1_0.id,a1_0.actor,a1_0.action from audit_logs a1_0 where a1_0.tenant_id in (?,?,?) and a1_0.action='secret'
select s1_0.id,s1_0.plan,s1_0.status from subscriptions s1_0 where s1_0.account_id in (?,?,?) and s1_0.status='secret'
INSERT INTO users (email, name, account_id) VALUES ('secret', 'secret', 1) ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT INTO orders (number, state, customer_id) VALUES ('secret', 'secret', 2) ON DUPLICATE KEY UPDATE state = VALUES(state)
INSERT INTO products (sku, title, category_id) VALUES ('secret', 'secret', 3) ON DUPLICATE KEY UPDATE title = VALUES(title)
INSERT INTO invoices (reference, currency, order_id) VALUES ('secret', 'secret', 4) ON DUPLICATE KEY UPDATE currency = VALUES(currency)
INSERT INTO payments (provider, status, invoice_id) VALUES ('secret', 'secret', 5) ON DUPLICATE KEY UPDATE status = VALUES(status)
INSERT INTO shipments (carrier, tracking, order_id) VALUES ('secret', 'secret', 6) ON DUPLICATE KEY UPDATE tracking = VALUES(tracking)
INSERT INTO reviews (title, body, product_id) VALUES ('secret', 'secret', 7) ON DUPLICATE KEY UPDATE body = VALUES(body)
INSERT INTO coupons (code, kind, campaign_id) VALUES ('secret', 'secret', 8) ON DUPLICATE KEY UPDATE kind = VALUES(kind)
INSERT INTO addresses (street, city, user_id) VALUES ('secret', 'secret', 9) ON DUPLICATE KEY UPDATE city = VALUES(city)
INSERT INTO carts (token, state, user_id) VALUES ('secret', 'secret', 1) ON DUPLICATE KEY UPDATE state = VALUES(state)
INSERT INTO audit_logs (actor, action, tenant_id) VALUES ('secret', 'secret', 2) ON DUPLICATE KEY UPDATE action = VALUES(action)
INSERT INTO subscriptions (plan, status, account_id) VALUES ('secret', 'secret', 3) ON DUPLICATE KEY UPDATE status = VALUES(status)
== sqlite
SELECT id, email, name FROM users WHERE account_id = ?1 AND email LIKE 'secret%' ORDER BY email COLLATE NOCASE LIMIT 15
SELECT id, number, state FROM orders WHERE customer_id = ?1 AND number LIKE 'secret%' ORDER BY number COLLATE NOCASE LIMIT 25
SELECT id, sku, title FROM products WHERE category_id = ?1 AND sku LIKE 'secret%' ORDER BY sku COLLATE NOCASE LIMIT 35
SELECT id, reference, currency FROM invoices WHERE order_id = ?1 AND reference LIKE 'secret%' ORDER BY reference COLLATE NOCASE LIMIT 45
SELECT id, provider, status FROM payments WHERE invoice_id = ?1 AND provider LIKE 'secret%' ORDER BY provider COLLATE NOCASE LIMIT 55
SELECT id, carrier, tracking FROM shipments WHERE order_id = ?1 AND carrier LIKE 'secret%' ORDER BY carrier COLLATE NOCASE LIMIT 65
SELECT id, title, body FROM reviews WHERE product_id = ?1 AND title LIKE 'secret%' ORDER BY title COLLATE NOCASE LIMIT 75
SELECT id, code, kind FROM coupons WHERE campaign_id = ?1 AND code LIKE 'secret%' ORDER BY code COLLATE NOCASE LIMIT 85
SELECT id, street, city FROM addresses WHERE user_id = ?1 AND street LIKE 'secret%' ORDER BY street COLLATE NOCASE LIMIT 95
SELECT id, token, state FROM carts WHERE user_id = ?1 AND token LIKE 'secret%' ORDER BY token COLLATE NOCASE LIMIT 15
SELECT id, actor, action FROM audit_logs WHERE tenant_id = ?1 AND actor LIKE 'secret%' ORDER BY actor COLLATE NOCASE LIMIT 25
SELECT id, plan, status FROM subscriptions WHERE account_id = ?1 AND plan LIKE 'secret%' ORDER BY plan COLLATE NOCASE LIMIT 35
== oracle
SELECT x.id, x.email FROM users x WHERE x.account_id = :b1 AND x.name = 'secret' AND ROWNUM <= 10
SELECT x.id, x.number FROM orders x WHERE x.customer_id = :b1 AND x.state = 'secret' AND ROWNUM <= 20
SELECT x.id, x.sku FROM products x WHERE x.category_id = :b1 AND x.title = 'secret' AND ROWNUM <= 30
SELECT x.id, x.reference FROM invoices x WHERE x.order_id = :b1 AND x.currency = 'secret' AND ROWNUM <= 40
SELECT x.id, x.provider FROM payments x WHERE x.invoice_id = :b1 AND x.status = 'secret' AND ROWNUM <= 50
SELECT x.id, x.carrier FROM shipments x WHERE x.order_id = :b1 AND x.tracking = 'secret' AND ROWNUM <= 60
SELECT x.id, x.title FROM reviews x WHERE x.product_id = :b1 AND x.body = 'secret' AND ROWNUM <= 70
SELECT x.id, x.code FROM coupons x WHERE x.campaign_id = :b1 AND x.kind = 'secret' AND ROWNUM <= 80
SELECT x.id, x.street FROM addresses x WHERE x.user_id = :b1 AND x.city = 'secret' AND ROWNUM <= 90
SELECT x.id, x.token FROM carts x WHERE x.user_id = :b1 AND x.state = 'secret' AND ROWNUM <= 10
SELECT x.id, x.actor FROM audit_logs x WHERE x.tenant_id = :b1 AND x.action = 'secret' AND ROWNUM <= 20
SELECT x.id, x.plan FROM subscriptions x WHERE x.account_id = :b1 AND x.status = 'secret' AND ROWNUM <= 30
== cockroachdb
DELETE FROM users WHERE account_id = 142 AND name NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM orders WHERE customer_id = 242 AND state NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM products WHERE category_id = 342 AND title NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM invoices WHERE order_id = 442 AND currency NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM payments WHERE invoice_id = 542 AND status NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM shipments WHERE order_id = 642 AND tracking NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM reviews WHERE product_id = 742 AND body NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM coupons WHERE campaign_id = 842 AND kind NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM addresses WHERE user_id = 942 AND city NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM carts WHERE user_id = 142 AND state NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM audit_logs WHERE tenant_id = 242 AND action NOT IN ('secret', 'secret') AND expires_at < now()
DELETE FROM subscriptions WHERE account_id = 342 AND status NOT IN ('secret', 'secret') AND expires_at < now()
== mssql
SELECT x.Id, x.email FROM dbo.users x WHERE x.account_id = @p1 AND x.name = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.number FROM dbo.orders x WHERE x.customer_id = @p2 AND x.state = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.sku FROM dbo.products x WHERE x.category_id = @p3 AND x.title = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.reference FROM dbo.invoices x WHERE x.order_id = @p4 AND x.currency = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.provider FROM dbo.payments x WHERE x.invoice_id = @p5 AND x.status = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.carrier FROM dbo.shipments x WHERE x.order_id = @p6 AND x.tracking = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.title FROM dbo.reviews x WHERE x.product_id = @p7 AND x.body = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.code FROM dbo.coupons x WHERE x.campaign_id = @p8 AND x.kind = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.street FROM dbo.addresses x WHERE x.user_id = @p9 AND x.city = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.token FROM dbo.carts x WHERE x.user_id = @p1 AND x.state = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.actor FROM dbo.audit_logs x WHERE x.tenant_id = @p2 AND x.action = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
SELECT x.Id, x.plan FROM dbo.subscriptions x WHERE x.account_id = @p3 AND x.status = N'secret' ORDER BY x.Id OFFSET @p8 ROWS FETCH NEXT @p9 ROWS ONLY
== postgresql
UPDATE "users" SET "email" = $1, "name" = 'secret' WHERE "users"."id" = $2 RETURNING "users"."name"
UPDATE "orders" SET "number" = $1, "state" = 'secret' WHERE "orders"."id" = $2 RETURNING "orders"."state"
UPDATE "products" SET "sku" = $1, "title" = 'secret' WHERE "products"."id" = $2 RETURNING "products"."title"
UPDATE "invoices" SET "reference" = $1, "currency" = 'secret' WHERE "invoices"."id" = $2 RETURNING "invoices"."currency"
UPDATE "payments" SET "provider" = $1, "status" = 'secret' WHERE "payments"."id" = $2 RETURNING "payments"."status"
UPDATE "shipments" SET "carrier" = $1, "tracking" = 'secret' WHERE "shipments"."id" = $2 RETURNING "shipments"."tracking"
UPDATE "reviews" SET "title" = $1, "body" = 'secret' WHERE "reviews"."id" = $2 RETURNING "reviews"."body"
UPDATE "coupons" SET "code" = $1, "kind" = 'secret' WHERE "coupons"."id" = $2 RETURNING "coupons"."kind"
UPDATE "addresses" SET "street" = $1, "city" = 'secret' WHERE "addresses"."id" = $2 RETURNING "addresses"."city"
UPDATE "carts" SET "token" = $1, "state" = 'secret' WHERE "carts"."id" = $2 RETURNING "carts"."state"
UPDATE "audit_logs" SET "actor" = $1, "action" = 'secret' WHERE "audit_logs"."id" = $2 RETURNING "audit_logs"."action"
UPDATE "subscriptions" SET "plan" = $1, "status" = 'secret' WHERE "subscriptions"."id" = $2 RETURNING "subscriptions"."status"
SELECT exists(SELECT 1 FROM users WHERE email = 'secret' AND account_id = 1) AS "exists"
SELECT exists(SELECT 1 FROM orders WHERE number = 'secret' AND customer_id = 2) AS "exists"
SELECT exists(SELECT 1 FROM products WHERE sku = 'secret' AND category_id = 3) AS "exists"
SELECT exists(SELECT 1 FROM invoices WHERE reference = 'secret' AND order_id = 4) AS "exists"
SELECT exists(SELECT 1 FROM payments WHERE provider = 'secret' AND invoice_id = 5) AS "exists"
SELECT exists(SELECT 1 FROM shipments WHERE carrier = 'secret' AND order_id = 6) AS "exists"
SELECT exists(SELECT 1 FROM reviews WHERE title = 'secret' AND product_id = 7) AS "exists"
SELECT exists(SELECT 1 FROM coupons WHERE code = 'secret' AND campaign_id = 8) AS "exists"
SELECT exists(SELECT 1 FROM addresses WHERE street = 'secret' AND user_id = 9) AS "exists"
SELECT exists(SELECT 1 FROM carts WHERE token = 'secret' AND user_id = 1) AS "exists"
SELECT exists(SELECT 1 FROM audit_logs WHERE actor = 'secret' AND tenant_id = 2) AS "exists"
SELECT exists(SELECT 1 FROM subscriptions WHERE plan = 'secret' AND account_id = 3) AS "exists"
WITH latest AS (SELECT account_id, max(id) AS id FROM users GROUP BY account_id) SELECT users.email FROM users JOIN latest ON latest.id = users.id WHERE users.name <> 'secret' LIMIT 10
WITH latest AS (SELECT customer_id, max(id) AS id FROM orders GROUP BY customer_id) SELECT orders.number FROM orders JOIN latest ON latest.id = orders.id WHERE orders.state <> 'secret' LIMIT 20
WITH latest AS (SELECT category_id, max(id) AS id FROM products GROUP BY category_id) SELECT products.sku FROM products JOIN latest ON latest.id = products.id WHERE products.title <> 'secret' LIMIT 30
WITH latest AS (SELECT order_id, max(id) AS id FROM invoices GROUP BY order_id) SELECT invoices.reference FROM invoices JOIN latest ON latest.id = invoices.id WHERE invoices.currency <> 'secret' LIMIT 40
WITH latest AS (SELECT invoice_id, max(id) AS id FROM payments GROUP BY invoice_id) SELECT payments.provider FROM payments JOIN latest ON latest.id = payments.id WHERE payments.status <> 'secret' LIMIT 50
WITH latest AS (SELECT order_id, max(id) AS id FROM shipments GROUP BY order_id) SELECT shipments.carrier FROM shipments JOIN latest ON latest.id = shipments.id WHERE shipments.tracking <> 'secret' LIMIT 60
WITH latest AS (SELECT product_id, max(id) AS id FROM reviews GROUP BY product_id) SELECT reviews.title FROM reviews JOIN latest ON latest.id = reviews.id WHERE reviews.body <> 'secret' LIMIT 70
WITH latest AS (SELECT campaign_id, max(id) AS id FROM coupons GROUP BY campaign_id) SELECT coupons.code FROM coupons JOIN latest ON latest.id = coupons.id WHERE coupons.kind <> 'secret' LIMIT 80
WITH latest AS (SELECT user_id, max(id) AS id FROM addresses GROUP BY user_id) SELECT addresses.street FROM addresses JOIN latest ON latest.id = addresses.id WHERE addresses.city <> 'secret' LIMIT 90
WITH latest AS (SELECT user_id, max(id) AS id FROM carts GROUP BY user_id) SELECT carts.token FROM carts JOIN latest ON latest.id = carts.id WHERE carts.state <> 'secret' LIMIT 10
WITH latest AS (SELECT tenant_id, max(id) AS id FROM audit_logs GROUP BY tenant_id) SELECT audit_logs.actor FROM audit_logs JOIN latest ON latest.id = audit_logs.id WHERE audit_logs.action <> 'secret' LIMIT 20
WITH latest AS (SELECT account_id, max(id) AS id FROM subscriptions GROUP BY account_id) SELECT subscriptions.plan FROM subscriptions JOIN latest ON latest.id = subscriptions.id WHERE subscriptions.status <> 'secret' LIMIT 30
== mariadb
SELECT email, ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY id DESC) AS rn FROM users WHERE name IN ('secret', 'secret')
SELECT number, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id DESC) AS rn FROM orders WHERE state IN ('secret', 'secret')
SELECT sku, ROW_NUMBER() OVER (PARTITION BY category_id ORDER BY id DESC) AS rn FROM products WHERE title IN ('secret', 'secret')
SELECT reference, ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY id DESC) AS rn FROM invoices WHERE currency IN ('secret', 'secret')
SELECT provider, ROW_NUMBER() OVER (PARTITION BY invoice_id ORDER BY id DESC) AS rn FROM payments WHERE status IN ('secret', 'secret')
SELECT carrier, ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY id DESC) AS rn FROM shipments WHERE tracking IN ('secret', 'secret')
SELECT title, ROW_NUMBER() OVER (PARTITION BY product_id ORDER BY id DESC) AS rn FROM reviews WHERE body IN ('secret', 'secret')
SELECT code, ROW_NUMBER() OVER (PARTITION BY campaign_id ORDER BY id DESC) AS rn FROM coupons WHERE kind IN ('secret', 'secret')
SELECT street, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY id DESC) AS rn FROM addresses WHERE city IN ('secret', 'secret')
SELECT token, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY id DESC) AS rn FROM carts WHERE state IN ('secret', 'secret')
SELECT actor, ROW_NUMBER() OVER (PARTITION BY tenant_id ORDER BY id DESC) AS rn FROM audit_logs WHERE action IN ('secret', 'secret')
SELECT plan, ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY id DESC) AS rn FROM subscriptions WHERE status IN ('secret', 'secret')
== mysql
DELETE FROM `users` WHERE `account_id` = ? AND `email` = 'secret' AND `created_at` < '2025-01-01' LIMIT 100
DELETE FROM `orders` WHERE `customer_id` = ? AND `number` = 'secret' AND `created_at` < '2025-02-01' LIMIT 200
DELETE FROM `products` WHERE `category_id` = ? AND `sku` = 'secret' AND `created_at` < '2025-03-01' LIMIT 300
DELETE FROM `invoices` WHERE `order_id` = ? AND `reference` = 'secret' AND `created_at` < '2025-04-01' LIMIT 400
DELETE FROM `payments` WHERE `invoice_id` = ? AND `provider` = 'secret' AND `created_at` < '2025-05-01' LIMIT 500
DELETE FROM `shipments` WHERE `order_id` = ? AND `carrier` = 'secret' AND `created_at` < '2025-06-01' LIMIT 600
DELETE FROM `reviews` WHERE `product_id` = ? AND `title` = 'secret' AND `created_at` < '2025-07-01' LIMIT 700
DELETE FROM `coupons` WHERE `campaign_id` = ? AND `code` = 'secret' AND `created_at` < '2025-08-01' LIMIT 800
DELETE FROM `addresses` WHERE `user_id` = ? AND `street` = 'secret' AND `created_at` < '2025-09-01' LIMIT 900
DELETE FROM `carts` WHERE `user_id` = ? AND `token` = 'secret' AND `created_at` < '2025-01-01' LIMIT 100
DELETE FROM `audit_logs` WHERE `tenant_id` = ? AND `actor` = 'secret' AND `created_at` < '2025-02-01' LIMIT 200
DELETE FROM `subscriptions` WHERE `account_id` = ? AND `plan` = 'secret' AND `created_at` < '2025-03-01' LIMIT 300
== sqlite
INSERT INTO users (email, name, account_id) VALUES (?, 'secret', 1) ON CONFLICT (email) DO NOTHING
INSERT INTO orders (number, state, customer_id) VALUES (?, 'secret', 2) ON CONFLICT (number) DO NOTHING
INSERT INTO products (sku, title, category_id) VALUES (?, 'secret', 3) ON CONFLICT (sku) DO NOTHING
INSERT INTO invoices (reference, currency, order_id) VALUES (?, 'secret', 4) ON CONFLICT (reference) DO NOTHING
INSERT INTO payments (provider, status, invoice_id) VALUES (?, 'secret', 5) ON CONFLICT (provider) DO NOTHING
INSERT INTO shipments (carrier, tracking, order_id) VALUES (?, 'secret', 6) ON CONFLICT (carrier) DO NOTHING
INSERT INTO reviews (title, body, product_id) VALUES (?, 'secret', 7) ON CONFLICT (title) DO NOTHING
INSERT INTO coupons (code, kind, campaign_id) VALUES (?, 'secret', 8) ON CONFLICT (code) DO NOTHING
INSERT INTO addresses (street, city, user_id) VALUES (?, 'secret', 9) ON CONFLICT (street) DO NOTHING
INSERT INTO carts (token, state, user_id) VALUES (?, 'secret', 1) ON CONFLICT (token) DO NOTHING
INSERT INTO audit_logs (actor, action, tenant_id) VALUES (?, 'secret', 2) ON CONFLICT (actor) DO NOTHING
INSERT INTO subscriptions (plan, status, account_id) VALUES (?, 'secret', 3) ON CONFLICT (plan) DO NOTHING
== db2
SELECT email, name FROM shop.users WHERE account_id = ? AND email >= 'secret' FETCH FIRST 10 ROWS ONLY
SELECT number, state FROM shop.orders WHERE customer_id = ? AND number >= 'secret' FETCH FIRST 20 ROWS ONLY
SELECT sku, title FROM shop.products WHERE category_id = ? AND sku >= 'secret' FETCH FIRST 30 ROWS ONLY
SELECT reference, currency FROM shop.invoices WHERE order_id = ? AND reference >= 'secret' FETCH FIRST 40 ROWS ONLY
SELECT provider, status FROM shop.payments WHERE invoice_id = ? AND provider >= 'secret' FETCH FIRST 50 ROWS ONLY
SELECT carrier, tracking FROM shop.shipments WHERE order_id = ? AND carrier >= 'secret' FETCH FIRST 60 ROWS ONLY
SELECT title, body FROM shop.reviews WHERE product_id = ? AND title >= 'secret' FETCH FIRST 70 ROWS ONLY
SELECT code, kind FROM shop.coupons WHERE campaign_id = ? AND code >= 'secret' FETCH FIRST 80 ROWS ONLY
SELECT street, city FROM shop.addresses WHERE user_id = ? AND street >= 'secret' FETCH FIRST 90 ROWS ONLY
SELECT token, state FROM shop.carts WHERE user_id = ? AND token >= 'secret' FETCH FIRST 10 ROWS ONLY
SELECT actor, action FROM shop.audit_logs WHERE tenant_id = ? AND actor >= 'secret' FETCH FIRST 20 ROWS ONLY
SELECT plan, status FROM shop.subscriptions WHERE account_id = ? AND plan >= 'secret' FETCH FIRST 30 ROWS ONLY
== sqlite
SELECT "cake"."id", "cake"."name" FROM "cake" WHERE "cake"."id" = ? LIMIT ?
INSERT INTO "cake" ("name", "price") VALUES (?, 'secret')
UPDATE "cake" SET "name" = ?, "price" = 'secret' WHERE "cake"."id" = ?
DELETE FROM "cake" WHERE "cake"."id" = 5
SELECT `users`.`id`, `users`.`name` FROM `users` WHERE (`users`.`id` = ?) LIMIT ?
INSERT INTO `users` (`name`, `hair`) VALUES (?, ?), (?, ?)
PRAGMA key = 'secret'
PRAGMA foreign_keys = ON
PRAGMA busy_timeout = 5000
ATTACH DATABASE 'secret' AS aux KEY 'secret'
== libsql
SELECT [user id], name FROM [user table] WHERE [user id] = 5 AND name <> 'secret'
== postgresql
ALTER ROLE reporting WITH LOGIN ENCRYPTED PASSWORD 'secret' VALID UNTIL 'secret'
SELECT a.x FROM dblink('password=secret', 'secret') AS a (x int)
/* outer /* inner */ it's secret */ SELECT a FROM t WHERE b = 'secret'
SELECT id, password, token, key FROM users WHERE password = 'secret'
ALTER TABLE users ALTER COLUMN password TYPE varchar(200), ADD COLUMN role text
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()
== mysql
CREATE USER 'secret'@'secret' IDENTIFIED BY 'secret'
SET PASSWORD = 'secret'
CHANGE MASTER TO MASTER_HOST = 'secret', MASTER_PASSWORD = 'secret'
== oracle
ALTER USER app IDENTIFIED BY VALUES 'secret'
== mssql
CREATE LOGIN app WITH PASSWORD = 'secret'
ALTER LOGIN app WITH PASSWORD = 'secret' OLD_PASSWORD = 'secret'
CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'secret'
EXEC sp_setapprole 'secret', 'secret'
== cassandra
CREATE ROLE app WITH PASSWORD = 'secret' AND LOGIN = true
== clickhouse
CREATE USER app IDENTIFIED BY 'secret'
INSERT INTO hits (at, path, ms) SELECT at, path, ms FROM raw_hits WHERE path LIKE 'secret%'
SELECT countIf(status >= 500) AS errors, avg(ms) FROM hits WHERE at > now() - 3600 GROUP BY path LIMIT 5 BY path
SELECT dictGet('secret', 'secret', id) FROM hits ORDER BY at DESC LIMIT 10
OPTIMIZE TABLE hits FINAL
== mssql
INSERT INTO orders (a) EXEC dbo.load_orders @day = 5
UPDATE [Orders] SET [State] = @p0 OUTPUT INSERTED.[Id] WHERE [Id] = @p1
DELETE FROM [Orders] WHERE [Id] = 17
SELECT COUNT(*) FROM [dbo].[Orders] AS [o] WHERE [o].[State] <> N'secret' OR [o].[State] IS NULL
SELECT o.Id, o.State FROM Orders o INNER JOIN Users u ON o.UserId = u.Id WHERE u.Name LIKE 'secret%'
EXEC sp_executesql N'SELECT 1', N'@p0 int', @p0 = 7
DECLARE @id int; SET @id = 5; SELECT * FROM Orders WHERE Id = @id
SELECT a FROM t WHERE b = 'it''s secret' AND c IN (1, 2, 3)
== sqlite
SELECT rowid, * FROM notes WHERE notes MATCH 'secret' ORDER BY rank LIMIT 20
CREATE INDEX IF NOT EXISTS notes_by_user ON notes (user_id, created_at)
SELECT u.id, count(n.id) FROM users u LEFT JOIN notes n ON n.user_id = u.id GROUP BY u.id HAVING count(n.id) > 3
UPDATE notes SET body = ?1, updated_at = datetime('now') WHERE id = ?2
DELETE FROM notes WHERE created_at < date('now', '-30 secret')
INSERT INTO notes (body) VALUES ('secret') ON CONFLICT (id) DO UPDATE SET body = excluded.body
WITH RECURSIVE up (id) AS (SELECT parent FROM notes WHERE id = 5 UNION SELECT n.parent FROM notes n JOIN up ON n.id = up.id) SELECT id FROM up
SAVEPOINT sqlx_savepoint_1
RELEASE SAVEPOINT sqlx_savepoint_1
== oracle
SELECT COUNT(*) FROM orders o WHERE o.state = 'secret' AND o.placed_at > SYSDATE - 7
UPDATE orders SET state = :1 WHERE id = :2
DELETE FROM orders WHERE id = 42
INSERT INTO orders (id, state) VALUES (orders_seq.NEXTVAL, :state)
SELECT * FROM orders WHERE state IN ('secret', 'secret') ORDER BY placed_at DESC FETCH NEXT 10 ROWS ONLY
== snowflake
SELECT id, name FROM shop.public.users WHERE email = 'secret' AND id > 10 LIMIT 5
INSERT INTO events (id, payload) SELECT 1, PARSE_JSON('{"a": "secret"}')
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.a = s.a WHEN NOT MATCHED THEN INSERT (id, a) VALUES (s.id, s.a)
SELECT $$it's secret$$, a FROM t WHERE b = 5
== bigquery
SELECT user_id, COUNT(*) FROM events WHERE day BETWEEN 'secret' AND 'secret' GROUP BY user_id
SELECT a FROM t WHERE b = 'it\'s secret' AND c = 5
SELECT x FROM UNNEST([1, 2, 3]) AS x WHERE x > 1
== trino
SELECT count(DISTINCT user_id) FROM hive.web.logs WHERE ds >= 'secret' AND status = 500
== duckdb
SELECT a, sum(b) FROM t WHERE c = 'secret' GROUP BY ALL ORDER BY a LIMIT 10
INSERT INTO t BY NAME SELECT 1 AS a, 'secret' AS b
== h2
SELECT id, name FROM users WHERE name = 'secret' AND id > 5 ORDER BY id OFFSET 10 ROWS
== redshift
SELECT event, count(*) FROM events WHERE at > '2024-01-01' GROUP BY event ORDER BY 2 DESC LIMIT 50
== mysql
SELECT o.id, o.state FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email = 'secret' ORDER BY o.id DESC LIMIT 20
SELECT DISTINCT state FROM orders WHERE total BETWEEN 10.5 AND 99.9
UPDATE orders SET state = 'secret', total = total + 1 WHERE id IN (1, 2, 3)
DELETE FROM orders WHERE placed_at < NOW() - INTERVAL 30 DAY LIMIT 500
INSERT INTO orders (state, total) SELECT state, total FROM old_orders WHERE state <> 'secret'
SELECT a FROM t WHERE b = 'it\'s secret' AND c = "it's secret"
SHOW INDEX FROM orders
== postgresql
SELECT o.id, o.state FROM orders o WHERE o.state = ANY($1) AND o.total > $2 FOR UPDATE
UPDATE orders SET state = $1 FROM users WHERE users.id = orders.user_id AND users.email = 'secret'
DELETE FROM orders USING users WHERE users.id = orders.user_id AND users.name = 'secret'
SELECT date_trunc($1, placed_at), sum(total) FROM orders GROUP BY 1 HAVING sum(total) > 100
INSERT INTO orders (state, total) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING
SELECT currval('secret'), nextval('secret')
SELECT a FROM t WHERE b = 'secret' OR c LIKE 'secret\_%'
== cockroachdb
SELECT id FROM jobs WHERE state = 'secret' ORDER BY created LIMIT 10 FOR UPDATE SKIP LOCKED
== cassandra
DELETE FROM ks.events WHERE id = ? AND day = '2024-01-01'
SELECT a, b FROM ks.t WHERE a = 5 AND b IN (1, 2, 3) LIMIT 100
