package hook

import "github.com/entcache/ent-cache/cache"

// cause describes the write to people. Its specifications say what it did, as
// they say to the cache what it touched.
func (w *Write) cause() cache.Cause {
	by := cache.Cause{Type: w.typ.Name}
	for _, sp := range w.specs {
		switch {
		case sp.create != nil:
			by.Created(sp.create, false)
		case sp.batch != nil:
			for _, n := range sp.batch.Nodes {
				by.Created(n, len(sp.batch.OnConflict) > 0)
			}
		case sp.conflict != nil:
			if len(sp.conflict.OnConflict) > 0 {
				by.Conflict()
			}
		case sp.update != nil:
			by.Updated(sp.update)
		case sp.remove != nil:
			by.Deleted(sp.id)
		}
	}
	return by
}
