package simulation

import (
	"context"
	"fmt"
	"strconv"

	"github.com/entcache/ent-cache/internal/schemas/versions/ent"
	"github.com/entcache/ent-cache/internal/schemas/versions/ent/item"
	"github.com/entcache/ent-cache/internal/schemas/versions/ent/note"
)

// write runs a statement through a generated client.
func write(ctx context.Context, c *ent.Client, st statement) error {
	if st.note {
		return writeNote(ctx, c, st)
	}
	nonce := strconv.Itoa(st.nonce)
	switch {
	case st.kind == insert:
		return c.Item.Create().SetID(st.id).SetVer(st.ver).SetNonce(nonce).SetShelfID(st.parent).Exec(ctx)
	case st.kind == remove && st.id != 0:
		return c.Item.DeleteOneID(st.id).Exec(ctx)
	case st.kind == remove:
		_, err := c.Item.Delete().Where(item.ShelfID(st.where)).Exec(ctx)
		return err
	case st.id == 0:
		return c.Item.Update().Where(item.ShelfID(st.where)).SetNonce(nonce).AddVer(st.ver).Exec(ctx)
	}
	u := c.Item.UpdateOneID(st.id).SetNonce(nonce).AddVer(st.ver)
	if st.parent != 0 {
		u.SetShelfID(st.parent)
	}
	return u.Exec(ctx)
}

func writeNote(ctx context.Context, c *ent.Client, st statement) error {
	nonce := strconv.Itoa(st.nonce)
	switch {
	case st.kind == insert:
		return c.Note.Create().SetID(st.id).SetVer(st.ver).SetNonce(nonce).SetItemID(st.parent).Exec(ctx)
	case st.kind == remove && st.id != 0:
		return c.Note.DeleteOneID(st.id).Exec(ctx)
	case st.kind == remove:
		_, err := c.Note.Delete().Where(note.ItemID(st.where)).Exec(ctx)
		return err
	case st.id == 0:
		return c.Note.Update().Where(note.ItemID(st.where)).SetNonce(nonce).AddVer(st.ver).Exec(ctx)
	}
	u := c.Note.UpdateOneID(st.id).SetNonce(nonce).AddVer(st.ver)
	if st.parent != 0 {
		u.SetItemID(st.parent)
	}
	return u.Exec(ctx)
}

// ask asks a query through a generated client. It returns the answer and those
// of the edges that it loads.
func (q query) ask(ctx context.Context, c *ent.Client) (a answer, loaded []answer, err error) {
	switch q.of {
	case countShelf:
		a.count, err = c.Item.Query().Where(item.ShelfID(q.arg)).Count(ctx)
		return a, nil, err
	case exists:
		ok, err := c.Item.Query().Where(item.ID(q.arg)).Exist(ctx)
		if ok {
			a.count = 1
		}
		return a, nil, err
	case noteByID, noteItem, noteFamily:
		return q.askNotes(ctx, c)
	}
	var found []*ent.Item
	items := c.Item.Query()
	if q.eager() {
		items.WithNotes()
	}
	switch q.of {
	case byID:
		it, err := c.Item.Get(ctx, q.arg)
		if ent.IsNotFound(err) {
			return a, nil, nil
		}
		if err != nil {
			return a, nil, err
		}
		found = []*ent.Item{it}
	case rowNotes:
		found, err = items.Where(item.ID(q.arg)).All(ctx)
	case byShelf, shelfNotes:
		found, err = items.Where(item.ShelfID(q.arg)).All(ctx)
	case several:
		found, err = items.Where(item.IDIn(q.arg, q.arg+1)).All(ctx)
	default:
		found, err = items.All(ctx)
	}
	if err != nil {
		return a, nil, err
	}
	var of answer
	for _, it := range found {
		if err := a.addItem(it); err != nil {
			return a, nil, err
		}
		if err := of.addNotes(it); err != nil {
			return a, nil, err
		}
	}
	if q.eager() && a.count > 0 {
		loaded = []answer{of}
	}
	return a, loaded, nil
}

func (q query) askNotes(ctx context.Context, c *ent.Client) (a answer, loaded []answer, err error) {
	var found []*ent.Note
	switch ns := c.Note.Query().Where(note.ID(q.arg)); q.of {
	case noteByID:
		found, err = ns.All(ctx)
	case noteItem:
		found, err = ns.WithItem().All(ctx)
	default:
		found, err = ns.WithItem(func(items *ent.ItemQuery) { items.WithNotes() }).All(ctx)
	}
	if err != nil || len(found) == 0 {
		return a, nil, err
	}
	n := found[0]
	if err := a.addNote(n); err != nil || !q.eager() {
		return a, nil, err
	}
	loaded = make([]answer, 1, 2)
	it := n.Edges.Item
	if it == nil {
		return a, loaded, nil
	}
	if err := loaded[0].addItem(it); err != nil {
		return a, nil, err
	}
	if q.of == noteFamily {
		var of answer
		err = of.addNotes(it)
		loaded = append(loaded, of)
	}
	return a, loaded, err
}

func (a *answer) addItem(it *ent.Item) error {
	nonce, err := strconv.Atoi(it.Nonce)
	a.rows[it.ID-1] = row{present: true, ver: it.Ver, nonce: nonce, parent: it.ShelfID}
	a.count++
	return err
}

func (a *answer) addNotes(it *ent.Item) error {
	for _, n := range it.Edges.Notes {
		if n.ItemID != it.ID {
			return fmt.Errorf("note %d of item %d is with item %d", n.ID, n.ItemID, it.ID)
		}
		if err := a.addNote(n); err != nil {
			return err
		}
	}
	return nil
}

func (a *answer) addNote(n *ent.Note) error {
	nonce, err := strconv.Atoi(n.Nonce)
	a.notes[n.ID-1] = row{present: true, ver: n.Ver, nonce: nonce, parent: n.ItemID}
	a.count++
	return err
}
