// Package entcache caches the reads of an Ent client and drops exactly the
// results that a write has changed.
//
// It isn't ariga.io/entcache, a cache at the driver whose entries leave by time.
//
// # Overview
//
// A schema says with a [Mixin] that its type is cached, the extension adds what
// the cache needs to the generated code, and one line in main turns it on. Code
// that queries stays as it is:
//
//	client.Intercept(entcache.Interceptor())
//
// What is kept is the rows of a statement, as the database returned them,
// together with the facts they depend on: which rows they hold, which values
// decided that they were found, which tables were read. A write touches facts.
// A result is served while no fact it depends on was touched since the database
// was read for it. Nothing is deleted to be correct: an entry that is no longer
// valid is a miss, is replaced by the next read, and leaves by time or when room
// is needed.
//
// The cache lives in the memory of the process, bounded in bytes. Processes may
// share a second level, see Several processes.
//
// # Setup
//
// Code generation, in ent/entc.go:
//
//	entc.Generate("./schema", &gen.Config{}, entc.Extensions(extension.New()))
//
// A schema whose type is cached:
//
//	func (User) Mixin() []ent.Mixin {
//		return []ent.Mixin{entcache.Mixin{TTL: time.Minute}}
//	}
//
// The program, where [New] gives a handle for statistics, manual invalidation
// and for several clients of one database that share a cache:
//
//	cache, err := entcache.New(entcache.WithMaxBytes(256 << 20))
//	if err != nil {
//		return err
//	}
//	defer cache.Close()
//	client.Intercept(cache.Interceptor())
//
// A mutation finds the cache through the interceptors of the client it runs on.
// Every client that writes to the database must therefore have the interceptor,
// those that only run jobs or migrations of data too; it may stand anywhere
// among others. No hook has to be registered, and types without a Mixin
// invalidate like the others.
//
// The context steers single reads: [Skip], [Refresh], [Cache], [WithTTL], and
// [Consistent] and [WithToken] where processes share a level. A
// child context never changes what its parent says.
//
// # What is cached
//
// Each statement that a query runs is an entry of its own: Only, First, All, IDs,
// Count, Exist, Select, GroupBy and Aggregate, and each statement of an eager
// load, under the Mixin of the type that it returns. That nothing was found is
// cached as well.
//
// Above these rows the results of whole queries are kept as typed values: those
// of Only, First, All, IDs, Count and Exist with the edges they load, where every
// statement was cached. A hit is then a copy, without SQL and scans. A value is
// served while each of its statements' rows would be. Queries with modifiers,
// with interceptors behind the cache's, or that load an edge with a policy or
// interceptors of its own are served from rows; [Explanation] says why.
//
// A query that isn't there, loads no edges and has only generated conditions and
// orders runs without Ent's builder if one like it, with other values, has run before:
// its statement is known then.
//
// Either way entities are the caller's own, to change as they like. Where the
// program only reads them, [Shared] and Mixin.Shared save the copy: then everybody
// gets the same entities, and [CheckShared] finds who writes to them.
//
// A read goes to the database, and says so in [Stats] and [Explain], if
//
//   - its type has no Mixin, its operation isn't among Mixin.Ops, or the Mixin
//     is OnDemand and the context doesn't ask;
//   - the context says Skip or Refresh, or is that of a running mutation, as in
//     hooks;
//   - it runs in a transaction, or on a driver that doesn't say what it wraps;
//   - it is FOR UPDATE or FOR SHARE;
//   - it calls what differs from call to call, such as now(), random() or
//     CURRENT_TIMESTAMP, passes a text that the database may take for a time that
//     moves, such as 'now', or calls a function that the cache doesn't know and
//     that Mixin.Functions doesn't declare;
//   - it reads a table that isn't in the schema, or a view without
//     Mixin.DependsOn;
//   - it isn't a single SELECT, or isn't understood: comments are not;
//   - the context carries session variables (sql.WithVar) and there is no
//     [WithVaryBy];
//   - an argument is of a type that a key can't be built from.
//
// Its result is returned and not stored if it has more rows or bytes than the
// Mixin allows, if a value is of a type that can't be kept, if the rows ended
// early or with an error, or if a write touched it while it was read.
//
// How precisely writes invalidate follows from how much is known. A read of rows
// by id depends on those rows. One with "column = value" for a foreign key or one
// of Mixin.Groups depends on the group of rows with that value, or with one in each
// of two such columns; through joins too. Other conditions, orders, joins and
// aggregates depend on the columns they name and on which rows there are. A result
// survives writes to columns it doesn't depend on of rows it doesn't hold, and one
// that holds the rows it is about survives all writes to others that don't bring
// them into it. A write that touches what a result depends on and still can't have
// changed it is told by the values that the row had and has: one that the conditions
// of the query drop, one that they keep as before, and one behind the last row of a
// full page. [Stats] counts the results that stayed as Irrelevant. With [WithRemote]
// writes aren't judged by values.
//
// What a write touches follows from what the database has shown of the row: its
// key, what was set, the conditions of the statement, the row that Ent reads back,
// and with Mixin.OldValues the row before it. An update or delete by predicate
// touches the rows or the group that its conditions name, else all rows; with
// Mixin.OldValues up to 256 rows that were read and locked before it, by its own
// conditions, if it wrote as many. A delete by id touches what refers to the row in
// the tables that its ON DELETE actions reach. A statement that wrote no row touches
// nothing, where it is known that it ran once: in a transaction, and on SQLite. An
// upsert and an update with Modify touch the whole table. What isn't understood makes
// a dependency coarser, never finer.
//
// With Mixin.Tenant a type is cached only for reads that say of whose rows they are,
// and what is written for one tenant costs others no entry.
//
// The generated file entcache_plan.txt says of each type what is cached and what
// each write touches. extension.EnforcedForeignKeys makes joins along foreign keys
// more precise, where the database enforces them.
//
// # Consistency
//
// For the clients that one cache is attached to:
//
//  1. A result is served only while nothing that it depends on was written since
//     the database was read for it.
//  2. A write outside a transaction counts before the mutation returns, one in a
//     transaction before Commit returns and before any commit hook goes on. Until
//     then, from before the database commits, reads that depend on it go to the
//     database.
//  3. What a transaction writes doesn't count before it commits, and never if it
//     rolls back. What isn't committed is never stored.
//  4. A write that failed counts as one that didn't. If the database gave no
//     answer, because the context ended or the connection broke, the write is in
//     doubt, for the server may let it take effect later: what it touches is
//     neither served nor stored for as long as [WithInDoubt] says.
//  5. Two reads share a result only if their SQL, every argument and its type,
//     the dialect, the schema, the *sql.DB and what [WithNamespace] and
//     [WithVaryBy] say are the same. Privacy rules, traversers and interceptors
//     run on every read, and what they add to a query is in its SQL. A typed
//     value is no exception: where any of them would run within the query, or
//     adds what can't be seen before it runs, there is none.
//  6. A hit returns what the database returned: the same rows, values and types,
//     and so the same errors, as NotFound and NotSingular.
//  7. An entry is served no longer than its TTL, counted from its fill, however
//     often it is read.
//
// Less formally: a read returns what the database would have returned at a
// moment while the read ran, and a program always reads its own writes.
//
// It does NOT promise
//
//   - one snapshot for several statements. The statements of an eager load, or
//     two queries, may see different moments, as they do without a cache outside
//     a transaction;
//   - anything about writers that it can't see; see Limits;
//   - that something is cached. Entries leave when room is needed.
//
// # Several processes
//
// [WithRemote] adds a level that processes share. They then share results, and
// each learns what the others write:
//
//	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
//	cache, err := entcache.New(entcache.WithRemote(redisstore.New(client, "shop")))
//
// A write is announced there before the database commits and recorded after. From
// the announcement on, no process is given what the write touches by the level,
// and nothing that depends on it is stored, until it is recorded or, if the
// process died, its lease has run out ([WithLease]). Announcing takes one round
// trip, which the mutation or commit waits for, whatever it wrote.
//
// A hit in the process asks nobody. It is served while the process has followed
// the log of writes, has found in it no write to what the result depends on, and
// knows by a probe sent within the bound that nothing was missed; or while the
// result itself is younger than the bound. So it is never older than that,
// whatever messages are lost and whoever stands still.
//
//   - [Strict] reads see every write that committed before they began.
//   - [Bounded] reads, the default with a bound of a second, see every write that
//     committed longer ago than the bound.
//   - [Eventual] reads don't look at what others wrote until the bound is over.
//
// Reads under a context with [WithToken] see at least what the process had
// written in which [Token] was called.
//
// That holds whatever happens to the shared level: it may restart, lose or bring
// back old data, fail over or be cut off. Where its state isn't wholly its own
// work it begins anew, empty, and stores nothing for the length of a quarantine.
// While it can't be reached, reads go to the database, with entries of the process
// within the bound. Writes that can't be announced go on by default, which is
// logged as an error and counted: until this process reaches the level again and
// makes it begin anew, other processes that do reach it may serve what was there
// before the write, at worst until the TTL. [RefuseUnannouncedWrites] makes such
// writes fail instead, before they happen.
//
// It is assumed that a transaction becomes visible within the lease of its last
// announcement, which is renewed three times within it. A process that stands
// still for longer in between, and then commits, breaks that; others may serve
// what was there before until it has recorded the write, which it does next.
//
// All processes need the same namespace and database. Versions of a program may
// run side by side: results are kept apart by the Ent schema they were read with,
// and writes are told to all. But what a write touches is what its own version's
// schema knows. While versions write that differ in Mixin.Groups, in edges or in
// ON DELETE actions, a read may miss a write of the other version until its
// entry's TTL is over; call [Handle.InvalidateAll] when the last process of the
// old one has ended.
//
// Results with Sensitive fields stay in the process unless they are encrypted
// ([WithEnvelope]). So do those of a second *sql.DB.
//
// # Transactions
//
// A read in a transaction goes to the database and stores nothing, also under
// tx.Client().Debug() and on a client built over an *sql.Tx. Others meanwhile get
// what was committed before, from the cache.
//
// What Ent's own transactions write takes effect with their Commit. A transaction
// that the program opened on the *sql.DB itself, to build a client over it, tells
// nobody when it ends: what it wrote isn't cached until the garbage collector
// finds that the *sql.Tx is over. Prefer client.Tx or client.BeginTx.
//
// # Raw SQL
//
// A hook sees what Ent's mutations write and nothing else. [Driver], around the
// program's own driver, reads the other statements that go through it: those of
// client.ExecContext and client.QueryContext, in transactions and in hooks too,
// those that run on the driver itself, migrations, and the mutations of clients
// without the interceptor.
//
//	cached := entcache.Interceptor()
//	client := ent.NewClient(ent.Driver(entcache.Driver(drv, cached)))
//	client.Intercept(cached)
//
// They count, are announced and are refused as mutations are: before the call
// returns, with Commit in a transaction, and when the rows are closed if there
// are any. What they touch is read off their text:
//
//   - UPDATE and DELETE with "id = value" or "id IN (values)" in a WHERE that is a
//     conjunction touch those rows, as a mutation would: the columns that are set,
//     what a deleted row was in, and what the database deletes in turn;
//   - an INSERT touches what depends on which rows there are;
//   - other writes to a table of the Ent schema, upserts, REPLACE, MERGE and
//     TRUNCATE touch all that depends on the table, and on those that its ON DELETE
//     actions reach if rows may go;
//   - each write in a WITH, and each statement of several in one text, counts;
//   - a SELECT touches nothing, unless it calls a function that the cache doesn't
//     know and that Mixin.Functions doesn't declare;
//   - everything else touches every result: tables that the schema hasn't, DDL,
//     CALL, DO, COPY, EXPLAIN ANALYZE, and what isn't understood. A warning says
//     so, once for each reason. Until the first client has read, the cache knows
//     no schema, and every raw write is of this kind.
//
// What it still doesn't see: other programs, triggers and rules, functions that
// stand behind operators, casts, defaults or views, and what runs on the *sql.DB,
// or on a driver within, beside it. Put Driver outermost, around drivers that change
// statements: the statements of mutations are told by their text.
//
// A transaction that is begun by a statement, client.ExecContext(ctx, "BEGIN"),
// runs on a connection that nobody knows. From then on nothing is served or stored,
// until a statement ends it, and then every result is dropped. Use client.Tx.
//
// # Failure
//
// The cache has no failure of its own to return: a read gets the database's
// result or the database's error. A read whose context ended gets the context's
// error. Where several reads wait for one statement and it fails, each of them
// asks for itself.
//
// Warnings go to the logger ([WithLogger]), each once: a query builder generated
// without the extension, or a driver that doesn't say what it wraps. Generated
// code of another version of this module doesn't compile. After [Handle.Close]
// clients go on without a cache.
//
// # Limits
//
// Writers outside. Programs without the cache, psql, a second data layer, and without
// [Driver] also raw SQL through client.ExecContext and clients without the
// interceptor, are not seen. What they write is read when the entry's TTL is over,
// or at once after [Handle.InvalidateType], [Handle.InvalidateIDs],
// [Handle.InvalidateEntity] or [Handle.InvalidateAll]. Several processes that write
// the same tables are such writers to one another unless they share a level:
// [WithRemote].
//
// Triggers. What a trigger writes isn't seen, nor an ON DELETE action that isn't
// in the Ent schema. Columns that the schema declares as generated or ON UPDATE
// are. If a trigger or a rule does something else in the place of a statement, and
// the database says of that that it wrote no row, it isn't seen at all.
//
// Isolation. READ UNCOMMITTED isn't supported: outside a transaction the database
// would return, and the cache store, what may be rolled back. All other levels
// are.
//
// Replicas. A client that reads from a replica stores what the replica says, and
// a replica that lags says what was before a write that the cache has already
// counted. The database that is read must be the one that is written.
//
// State of connections. A search_path, a role or a setting that differs between
// connections of one pool is in neither the SQL nor the arguments. Use
// sql.WithVar with WithVaryBy, or a pool for each.
//
// Time in arguments. A predicate on time.Now() is a new statement each time: it
// is never a hit, and takes room. Round the time, or Skip.
//
// MySQL and MariaDB compare texts by rules that aren't in the schema, such as
// letter case. There no text tells rows apart: a read by a text in Mixin.Groups
// or by a text id is invalidated by writes to the column or the table. The same
// holds for columns with a collation or type of their own on other databases.
//
// Drivers. A driver that wraps another one needs a method
//
//	Unwrap() dialect.Driver
//
// Without it, what is read through it isn't cached, and what is written through
// it isn't cached any more. Transactions that it wraps need a method Unwrap() dialect.Tx;
// without it, updates in them are announced earlier and touch more. Wrappers below, at the level of database/sql, need
// nothing. Only Ent's SQL storage is supported.
//
// Sensitive fields are cached like others, in the memory of the process.
package entcache
