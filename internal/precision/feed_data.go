package precision

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/entcache/ent-cache/internal/precision/ent"
)

// How many rows of what the feed has at first. Ids count from one.
const (
	numUsers    = 400
	numItems    = 4000
	numComments = 6000
	// recentItems is how far back visitors look.
	recentItems = 1500
)

var topics = strings.Fields("music film books games food travel science politics sport art weather code")

// feedData fills the feed, with the same rows each time.
func feedData(ctx context.Context, c *ent.Client) error {
	r := rand.New(rand.NewPCG(1, 1))
	err := c.User.MapCreateBulk(make([]int, numUsers), func(b *ent.UserCreate, i int) { b.SetName(fmt.Sprint("User ", i+1)) }).Exec(ctx)
	if err != nil {
		return err
	}
	for u := 1; u <= numUsers; u++ {
		others := r.Perm(numUsers)[:5+r.IntN(25)]
		for i := range others {
			others[i]++
		}
		if err := c.User.UpdateOneID(u).AddFollowingIDs(others...).Exec(ctx); err != nil {
			return err
		}
	}
	err = bulk(numItems, func(n, from int) error {
		return c.Item.MapCreateBulk(make([]int, n), func(b *ent.ItemCreate, i int) {
			newItem(b, from+i-numItems, 1+r.IntN(numUsers), topics[r.IntN(len(topics))]).
				SetViews(r.IntN(100)).SetCreatedAt(epoch.Add(time.Duration(from+i-numItems) * time.Minute))
		}).Exec(ctx)
	})
	if err != nil {
		return err
	}
	return bulk(numComments, func(n, from int) error {
		return c.Comment.MapCreateBulk(make([]int, n), func(b *ent.CommentCreate, i int) {
			b.SetItemID(1 + r.IntN(numItems)).SetAuthorID(1 + r.IntN(numUsers)).SetText("Is that so?").SetCreatedAt(epoch)
		}).Exec(ctx)
	})
}

func newItem(b *ent.ItemCreate, n, author int, topic string) *ent.ItemCreate {
	return b.SetTitle(fmt.Sprint("Item ", n)).SetBody(strings.Repeat("What happened. ", 5)).SetAuthorID(author).SetTopic(topic)
}
