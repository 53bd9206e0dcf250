package precision

import (
	"context"

	entgo "entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/precision/ent"
	"github.com/entcache/ent-cache/internal/precision/ent/comment"
	"github.com/entcache/ent-cache/internal/precision/ent/item"
	"github.com/entcache/ent-cache/internal/precision/ent/user"
)

// feed shows the latest items of those one follows, and counts each view of an
// item in its row.
func feed() Workload {
	return domain[*ent.Client]{
		name:   "feed",
		client: func(drv dialect.Driver) *ent.Client { return ent.NewClient(ent.Driver(drv)) },
		attach: func(c *ent.Client, i entgo.Interceptor) { c.Intercept(i) },
		create: func(ctx context.Context, c *ent.Client) error { return c.Schema.Create(ctx) },
		fill:   feedData,
		indexes: []string{
			"CREATE INDEX items_author ON items (author_id, created_at)",
			"CREATE INDEX items_topic ON items (topic, created_at)",
			"CREATE INDEX comments_item ON comments (item_id)",
			"CREATE INDEX follows ON user_following (follower_id)",
		},
		cascades: map[string][]string{"items": {"comments"}},
		joins:    map[string]bool{"user_following": true},
		reads:    feedReads,
		actions:  feedActions,
		notFound: ent.IsNotFound,
	}.workload()
}

func ofUser(v *visitor) params { return params{id: v.id(numUsers)} }

// ofItem: the newer an item is, the more it is looked at.
func ofItem(v *visitor) params {
	return params{id: numItems + v.newest["items"] - v.zipf(recentItems), other: v.id(numUsers)}
}

func ofTopic(v *visitor) params { return params{text: topics[v.zipf(len(topics))]} }

func newestFirst(q *ent.ItemQuery) *ent.ItemQuery {
	return q.Order(item.ByCreatedAt(entsql.OrderDesc()), item.ByID(entsql.OrderDesc())).Limit(pageSize)
}

var feedReads = []read[*ent.Client]{
	{
		// Two queries, as in most feeds: whom one follows, and what those have posted.
		name: "timeline", weight: 18, draw: ofUser,
		runs: func(ask func(func(context.Context, *ent.Client) (any, error)) (any, error), p params) error {
			following, err := ask(func(ctx context.Context, c *ent.Client) (any, error) {
				return c.User.Query().Where(user.ID(p.id)).QueryFollowing().Order(user.ByID()).IDs(ctx)
			})
			if err != nil {
				return err
			}
			_, err = ask(func(ctx context.Context, c *ent.Client) (any, error) {
				return newestFirst(c.Item.Query().Where(item.AuthorIDIn(following.([]int)...))).WithAuthor().All(ctx)
			})
			return err
		},
	},
	{
		// One query, through the edges, and only what a headline shows.
		name: "headlines of those one follows", weight: 6, draw: ofUser,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return newestFirst(c.Item.Query().Where(item.HasAuthorWith(user.HasFollowersWith(user.ID(p.id))))).
				Select(item.FieldTitle, item.FieldAuthorID, item.FieldCreatedAt).All(ctx)
		},
	},
	{
		name: "item", weight: 24, draw: ofItem,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Item.Query().Where(item.ID(p.id)).WithAuthor().Only(ctx)
		},
	},
	{
		name: "comments of an item", weight: 10, draw: ofItem,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Comment.Query().Where(comment.ItemID(p.id)).Order(comment.ByID(entsql.OrderDesc())).Limit(50).WithAuthor().All(ctx)
		},
	},
	{
		name: "number of comments", weight: 4, draw: ofItem,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Comment.Query().Where(comment.ItemID(p.id)).Count(ctx)
		},
	},
	{
		name: "headlines of a user", weight: 12, draw: ofUser,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return newestFirst(c.Item.Query().Where(item.AuthorID(p.id))).
				Select(item.FieldTitle, item.FieldAuthorID, item.FieldCreatedAt).All(ctx)
		},
	},
	{
		name: "number of followers", weight: 5, draw: ofUser,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.User.Query().Where(user.ID(p.id)).QueryFollowers().Count(ctx)
		},
	},
	{
		name: "number of items", weight: 4, draw: ofUser,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Item.Query().Where(item.AuthorID(p.id)).Count(ctx)
		},
	},
	{
		name: "latest of a topic", weight: 6, draw: ofTopic,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return newestFirst(c.Item.Query().Where(item.Topic(p.text))).All(ctx)
		},
	},
	{
		name: "most viewed of a topic", weight: 3, draw: ofTopic,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Item.Query().Where(item.Topic(p.text)).
				Order(item.ByViews(entsql.OrderDesc()), item.ByID()).Limit(10).All(ctx)
		},
	},
	{
		name: "user", weight: 8, draw: ofUser,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) { return c.User.Get(ctx, p.id) },
	},
}

var feedActions = []action[*ent.Client]{
	{
		name: "view", weight: 620, draw: ofItem,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Item.UpdateOneID(p.id).AddViews(1).Exec(ctx)
		},
	},
	{
		name: "like", weight: 80, draw: ofItem,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Item.UpdateOneID(p.id).AddLikes(1).Exec(ctx)
		},
	},
	{
		name: "post", weight: 100,
		draw: func(v *visitor) params {
			v.newest["items"]++
			return params{id: v.id(numUsers), n: v.newest["items"], text: topics[v.zipf(len(topics))]}
		},
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return newItem(c.Item.Create(), p.n, p.id, p.text).SetCreatedAt(p.now).Exec(ctx)
		},
	},
	{
		name: "comment", weight: 120, draw: ofItem,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			err := c.Comment.Create().SetItemID(p.id).SetAuthorID(p.other).SetText("So it is.").SetCreatedAt(p.now).Exec(ctx)
			if ent.IsConstraintError(err) {
				// The item is gone.
				return nil
			}
			return err
		},
	},
	{
		name: "follow", weight: 30, draw: follows,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.User.UpdateOneID(p.id).AddFollowingIDs(p.other).Exec(ctx)
		},
	},
	{
		name: "unfollow", weight: 20, draw: follows,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.User.UpdateOneID(p.id).RemoveFollowingIDs(p.other).Exec(ctx)
		},
	},
	{
		name: "edit", weight: 20, draw: ofItem,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Item.UpdateOneID(p.id).SetTitle("Edited at " + p.now.Format("15:04:05.00")).Exec(ctx)
		},
	},
	{
		name: "delete", weight: 10, draw: ofItem,
		run: func(ctx context.Context, c *ent.Client, p params) error { return c.Item.DeleteOneID(p.id).Exec(ctx) },
	},
	{
		name: "rename", weight: 5, draw: ofUser,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.User.UpdateOneID(p.id).SetName("Renamed at " + p.now.Format("15:04:05.00")).Exec(ctx)
		},
	},
}

// follows: who is read much is followed much.
func follows(v *visitor) params { return params{id: v.id(numUsers), other: v.id(numUsers)} }
