package traps

import (
	"context"
	"fmt"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	ids "github.com/entcache/ent-cache/internal/schemas/ids/ent"
	"github.com/entcache/ent-cache/internal/schemas/ids/ent/account"
	"github.com/entcache/ent-cache/internal/schemas/ids/ent/device"
	"github.com/entcache/ent-cache/internal/schemas/ids/ent/document"
	"github.com/entcache/ent-cache/internal/schemas/ids/ent/event"
	"github.com/entcache/ent-cache/internal/schemas/ids/ent/team"
	"github.com/entcache/ent-cache/internal/schemas/ids/ent/token"
	"github.com/entcache/ent-cache/internal/testdb"
)

// Ids of every type: a row read under its id follows writes to that id, in
// whatever form driver, argument and mutation have it.
func TestTrap_IdsOfEveryType(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newWorld(t, name, func(d dialect.Driver) *ids.Client { return ids.NewClient(ids.Driver(d)) },
			func(c *ids.Client) error { return c.Schema.Create(t.Context()) })
		ctx, c := t.Context(), w.plain
		acc := c.Account.Create().SetName("account").SaveX(ctx)
		dev := c.Device.Create().SetID("device").SetName("device").SaveX(ctx)
		tm := c.Team.Create().SetID(1<<62 + 1).SetName("team").SaveX(ctx)
		doc := c.Document.Create().SetTitle("document").SaveX(ctx)
		tok := c.Token.Create().SetName("token").SaveX(ctx)
		ev := c.Event.Create().SetName("event").SaveX(ctx)

		result := func(name string, err error) string {
			if ids.IsNotFound(err) {
				return "not found"
			}
			require.NoError(t, err)
			return name
		}
		get := map[string]*watch[*ids.Client]{
			"account": w.watch("account", func(ctx context.Context, c *ids.Client) string {
				v, err := c.Account.Get(ctx, acc.ID)
				return result(fmt.Sprint(v), err)
			}),
			"device": w.watch("device", func(ctx context.Context, c *ids.Client) string {
				v, err := c.Device.Get(ctx, dev.ID)
				return result(fmt.Sprint(v), err)
			}),
			"team": w.watch("team", func(ctx context.Context, c *ids.Client) string {
				v, err := c.Team.Get(ctx, tm.ID)
				return result(fmt.Sprint(v), err)
			}),
			"document": w.watch("document", func(ctx context.Context, c *ids.Client) string {
				v, err := c.Document.Get(ctx, doc.ID)
				return result(fmt.Sprint(v), err)
			}),
			"token": w.watch("token", func(ctx context.Context, c *ids.Client) string {
				v, err := c.Token.Get(ctx, tok.ID)
				return result(fmt.Sprint(v), err)
			}),
			"event": w.watch("event", func(ctx context.Context, c *ids.Client) string {
				v, err := c.Event.Get(ctx, ev.ID)
				return result(fmt.Sprint(v), err)
			}),
		}
		all := func(f func(*watch[*ids.Client])) {
			t.Helper()
			for _, x := range get {
				f(x)
			}
		}
		changed := (*watch[*ids.Client]).changed

		w.cached.Account.UpdateOneID(acc.ID).SetName("a2").ExecX(ctx)
		w.cached.Device.UpdateOneID(dev.ID).SetName("d2").ExecX(ctx)
		w.cached.Team.UpdateOneID(tm.ID).SetName("t2").ExecX(ctx)
		w.cached.Document.UpdateOneID(doc.ID).SetTitle("c2").ExecX(ctx)
		w.cached.Token.UpdateOneID(tok.ID).SetName("k2").ExecX(ctx)
		w.cached.Event.UpdateOneID(ev.ID).SetName("e2").ExecX(ctx)
		all(changed)

		edges := map[string]*watch[*ids.Client]{
			"devices": w.watch("devices", func(ctx context.Context, c *ids.Client) string {
				return sorted(c.Account.Query().Where(account.ID(acc.ID)).QueryDevices().IDsX(ctx))
			}),
			"with devices": w.watch("with devices", func(ctx context.Context, c *ids.Client) string {
				return fmt.Sprint(len(c.Account.Query().WithDevices().OnlyX(ctx).Edges.Devices))
			}),
			"by account": w.watch("by account", func(ctx context.Context, c *ids.Client) string {
				return sorted(c.Device.Query().Where(device.AccountID(acc.ID)).IDsX(ctx))
			}),
			"teams": w.watch("teams", func(ctx context.Context, c *ids.Client) string {
				return sorted(c.Team.Query().Where(team.HasMembersWith(account.ID(acc.ID))).IDsX(ctx))
			}),
			"members": w.watch("members", func(ctx context.Context, c *ids.Client) string {
				return fmt.Sprint(len(c.Team.Query().WithMembers().OnlyX(ctx).Edges.Members))
			}),
			"documents": w.watch("documents", func(ctx context.Context, c *ids.Client) string {
				return fmt.Sprint(len(c.Account.Query().WithDocuments().OnlyX(ctx).Edges.Documents))
			}),
			"owner": w.watch("owner", func(ctx context.Context, c *ids.Client) string {
				return sorted(c.Document.Query().Where(document.HasOwner()).IDsX(ctx))
			}),
			"token": w.watch("token", func(ctx context.Context, c *ids.Client) string {
				return fmt.Sprint(len(c.Device.Query().Where(device.ID(dev.ID)).WithTokens().OnlyX(ctx).Edges.Tokens))
			}),
			"event": w.watch("event", func(ctx context.Context, c *ids.Client) string {
				return fmt.Sprint(c.Event.Query().Where(event.HasTokenWith(token.ID(tok.ID))).CountX(ctx))
			}),
		}
		w.cached.Account.UpdateOneID(acc.ID).AddDeviceIDs(dev.ID).AddTeamIDs(tm.ID).AddDocumentIDs(doc.ID).ExecX(ctx)
		w.cached.Token.UpdateOneID(tok.ID).SetDeviceID(dev.ID).AddEventIDs(ev.ID).ExecX(ctx)
		for _, x := range edges {
			x.changed()
		}
		w.cached.Team.UpdateOneID(tm.ID).RemoveMemberIDs(acc.ID).ExecX(ctx)
		w.cached.Device.UpdateOneID(dev.ID).ClearAccount().RemoveTokenIDs(tok.ID).ExecX(ctx)
		w.cached.Document.UpdateOneID(doc.ID).ClearOwner().ExecX(ctx)
		w.cached.Event.UpdateOneID(ev.ID).ClearToken().ExecX(ctx)
		for _, x := range edges {
			x.changed()
		}

		for range 2 {
			w.cached.Account.DeleteOneID(acc.ID).ExecX(ctx)
			w.cached.Device.DeleteOneID(dev.ID).ExecX(ctx)
			w.cached.Team.DeleteOneID(tm.ID).ExecX(ctx)
			w.cached.Document.DeleteOneID(doc.ID).ExecX(ctx)
			w.cached.Token.DeleteOneID(tok.ID).ExecX(ctx)
			w.cached.Event.DeleteOneID(ev.ID).ExecX(ctx)
			all(changed)
			require.Equal(t, "not found", get["token"].last)
			w.cached.Account.Create().SetID(acc.ID).SetName("again").ExecX(ctx)
			w.cached.Device.Create().SetID(dev.ID).SetName("again").ExecX(ctx)
			w.cached.Team.Create().SetID(tm.ID).SetName("again").ExecX(ctx)
			w.cached.Document.Create().SetID(doc.ID).SetTitle("again").ExecX(ctx)
			w.cached.Token.Create().SetID(tok.ID).SetName("again").ExecX(ctx)
			w.cached.Event.CreateBulk(w.cached.Event.Create().SetID(ev.ID).SetName("again")).ExecX(ctx)
			all(changed)
		}

		// By hand, for a writer that Ent doesn't know of.
		w.exec("UPDATE accounts SET name = 'raw'")
		require.NoError(t, w.handle.InvalidateIDs(ctx, "Account", acc.ID))
		get["account"].changed()
		w.exec("UPDATE tokens SET name = 'raw'")
		require.NoError(t, w.handle.InvalidateEntity(ctx, tok))
		get["token"].changed()
		w.exec("UPDATE devices SET name = 'raw'")
		require.NoError(t, w.handle.InvalidateIDs(ctx, "Device", dev.ID))
		get["device"].changed()
		w.exec("UPDATE teams SET name = 'raw'")
		require.NoError(t, w.handle.InvalidateType(ctx, "Team"))
		get["team"].changed()
	})
}

// Of rows whose id is a UUID only the one that was written is touched.
func TestTrap_UUIDsArePrecise(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newWorld(t, name, func(d dialect.Driver) *ids.Client { return ids.NewClient(ids.Driver(d)) },
			func(c *ids.Client) error { return c.Schema.Create(t.Context()) })
		ctx := t.Context()
		one, two := uuid.New(), uuid.New()
		w.plain.Account.CreateBulk(w.plain.Account.Create().SetID(one).SetName("1"), w.plain.Account.Create().SetID(two).SetName("2")).ExecX(ctx)
		read := func(id uuid.UUID) *watch[*ids.Client] {
			return w.watch("account", func(ctx context.Context, c *ids.Client) string { return c.Account.GetX(ctx, id).Name })
		}
		x, y := read(one), read(two)
		w.cached.Account.UpdateOneID(one).SetName("changed").ExecX(ctx)
		x.changed()
		y.kept()
	})
}

// An upsert that finds its row by the id may take the row out of any group.
func TestTrap_T10_UpsertsThatMoveRows(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newWorld(t, name, func(d dialect.Driver) *ids.Client { return ids.NewClient(ids.Driver(d)) },
			func(c *ids.Client) error { return c.Schema.Create(t.Context()) })
		ctx := t.Context()
		one, two := uuid.New(), uuid.New()
		w.plain.Account.CreateBulk(w.plain.Account.Create().SetID(one).SetName("1"), w.plain.Account.Create().SetID(two).SetName("2")).ExecX(ctx)
		w.plain.Device.Create().SetID("device").SetName("device").SetAccountID(one).ExecX(ctx)
		of := func(id uuid.UUID) *watch[*ids.Client] {
			// A count carries no rows, so nothing but the group stands for them.
			return w.watch("devices of an account", func(ctx context.Context, c *ids.Client) string {
				return fmt.Sprint(c.Device.Query().Where(device.AccountID(id)).CountX(ctx))
			})
		}
		first, second := of(one), of(two)
		upsert := func(id uuid.UUID) *ids.DeviceCreate {
			return w.cached.Device.Create().SetID("device").SetName("moved").SetAccountID(id)
		}
		keys := conflict(name, device.FieldID)
		upsert(two).OnConflictColumns(keys...).UpdateNewValues().ExecX(ctx)
		first.changed()
		second.changed()
		w.cached.Device.CreateBulk(upsert(one)).OnConflictColumns(keys...).UpdateNewValues().ExecX(ctx)
		first.changed()
		second.changed()
	})
}

// Under a collation of its own MySQL finds a row by an id that is spelled
// otherwise.
func TestTrap_IdsThatFold(t *testing.T) {
	w := newWorld(t, dialect.MySQL, func(d dialect.Driver) *ids.Client { return ids.NewClient(ids.Driver(d)) },
		func(c *ids.Client) error { return c.Schema.Create(t.Context()) })
	ctx := t.Context()
	w.exec("ALTER TABLE tokens DROP FOREIGN KEY tokens_devices_tokens")
	w.exec("ALTER TABLE devices MODIFY id varchar(64) COLLATE utf8mb4_general_ci NOT NULL")
	w.plain.Device.Create().SetID("device").SetName("a").ExecX(ctx)
	lower := w.watch("device", func(ctx context.Context, c *ids.Client) string { return c.Device.GetX(ctx, "device").Name })
	upper := w.watch("DEVICE", func(ctx context.Context, c *ids.Client) string { return c.Device.GetX(ctx, "DEVICE").Name })
	list := w.watch("all", func(ctx context.Context, c *ids.Client) string {
		return show(c.Device.Query().AllX(ctx), func(d *ids.Device) string { return d.Name })
	})
	for _, id := range []string{"DEVICE", "device", "Device"} {
		w.cached.Device.UpdateOneID(id).SetName("by " + id).ExecX(ctx)
		lower.changed()
		upper.changed()
		list.changed()
	}
	w.cached.Device.DeleteOneID("dEVICE").ExecX(ctx)
	require.True(t, ids.IsNotFound(func() error { _, err := w.cached.Device.Get(ctx, "device"); return err }()))
}
