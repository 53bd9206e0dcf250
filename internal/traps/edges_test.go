package traps

import (
	"context"
	"fmt"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	edgeschema "github.com/entcache/ent-cache/internal/schemas/edgeschema/ent"
	"github.com/entcache/ent-cache/internal/schemas/edgeschema/ent/friendship"
	"github.com/entcache/ent-cache/internal/schemas/edgeschema/ent/membership"
	"github.com/entcache/ent-cache/internal/schemas/edgeschema/ent/roleuser"
	esuser "github.com/entcache/ent-cache/internal/schemas/edgeschema/ent/user"
	o2o "github.com/entcache/ent-cache/internal/schemas/o2o/ent"
	"github.com/entcache/ent-cache/internal/schemas/o2o/ent/card"
	"github.com/entcache/ent-cache/internal/schemas/o2o/ent/node"
	"github.com/entcache/ent-cache/internal/schemas/o2o/ent/post"
	"github.com/entcache/ent-cache/internal/schemas/o2o/ent/user"
	"github.com/entcache/ent-cache/internal/testdb"
)

// newO2O has the users 1 to 4 and the posts, cards and nodes 1 to 3.
func newO2O(t *testing.T, name string) *world[*o2o.Client] {
	t.Helper()
	w := newWorld(t, name, func(d dialect.Driver) *o2o.Client { return o2o.NewClient(o2o.Driver(d)) },
		func(c *o2o.Client) error { return c.Schema.Create(t.Context()) })
	ctx, c := t.Context(), w.plain
	for i := range 4 {
		c.User.Create().SetName(fmt.Sprint("user ", i+1)).ExecX(ctx)
	}
	for i := range 3 {
		c.Post.Create().SetTitle(fmt.Sprint("post ", i+1)).ExecX(ctx)
		c.Card.Create().SetNumber(fmt.Sprint("card ", i+1)).ExecX(ctx)
		c.Node.Create().SetValue(i + 1).ExecX(ctx)
	}
	return w
}

// A parent's update moves children, whose own hooks don't run: O2M edges, two of
// them between the same types.
func TestTrap_T11_ParentsMoveChildren(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newO2O(t, name)
		ctx := t.Context()
		of := func(id int) *watch[*o2o.Client] {
			return w.watch("posts of a user", func(ctx context.Context, c *o2o.Client) string {
				u := c.User.Query().Where(user.ID(id)).WithWritten().WithReviewed().OnlyX(ctx)
				return fmt.Sprint(len(u.Edges.Written), len(u.Edges.Reviewed))
			})
		}
		one, two := of(1), of(2)
		authors := w.watch("posts with authors", func(ctx context.Context, c *o2o.Client) string {
			return show(c.Post.Query().WithAuthor().AllX(ctx), func(p *o2o.Post) string {
				if p.Edges.Author == nil {
					return p.Title
				}
				return p.Title + " by " + p.Edges.Author.Name
			})
		})
		query := w.watch("query written", func(ctx context.Context, c *o2o.Client) string {
			return sorted(c.User.Query().Where(user.ID(1)).QueryWritten().IDsX(ctx))
		})
		has := w.watch("posts that have an author", func(ctx context.Context, c *o2o.Client) string {
			return sorted(c.Post.Query().Where(post.HasAuthorWith(user.Name("user 1"))).IDsX(ctx))
		})
		reviewed := w.watch("reviewed posts", func(ctx context.Context, c *o2o.Client) string {
			return sorted(c.Post.Query().Where(post.HasReviewer()).IDsX(ctx))
		})
		written := []*watch[*o2o.Client]{one, authors, query, has}
		all := func(list []*watch[*o2o.Client], f func(*watch[*o2o.Client])) {
			t.Helper()
			for _, x := range list {
				f(x)
			}
		}
		changed, right := (*watch[*o2o.Client]).changed, (*watch[*o2o.Client]).right

		w.cached.User.UpdateOneID(1).AddWrittenIDs(1, 2).ExecX(ctx)
		all(written, changed)
		reviewed.right()
		w.cached.User.UpdateOneID(2).AddReviewedIDs(1).ExecX(ctx)
		reviewed.changed()
		two.changed()
		all(written, right)
		w.cached.User.UpdateOneID(1).RemoveWrittenIDs(1).ExecX(ctx)
		all(written, changed)
		w.cached.User.UpdateOneID(1).ClearWritten().ExecX(ctx)
		all(written, changed)
		w.cached.User.Update().Where(user.ID(1)).AddWrittenIDs(3).ExecX(ctx)
		all(written, changed)
		w.cached.User.Update().Where(user.Name("user 1")).ClearWritten().ExecX(ctx)
		all(written, changed)
		w.cached.User.Create().SetName("new").AddReviewedIDs(2).ExecX(ctx)
		reviewed.changed()
		w.cached.Post.UpdateOneID(2).SetAuthorID(1).ClearReviewer().ExecX(ctx)
		all(written, changed)
		reviewed.changed()
		w.cached.Post.UpdateOneID(2).SetAuthorID(2).ExecX(ctx)
		all(written, changed)
		two.changed()
		w.cached.User.DeleteOneID(2).ExecX(ctx)
		authors.changed()
	})
}

// One to one: from either end, and to the own type.
func TestTrap_T11_OneToOneEdges(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newO2O(t, name)
		ctx := t.Context()
		cards := w.watch("users with cards", func(ctx context.Context, c *o2o.Client) string {
			return show(c.User.Query().WithCard().AllX(ctx), func(u *o2o.User) string {
				if u.Edges.Card == nil {
					return u.Name
				}
				return u.Name + " " + u.Edges.Card.Number
			})
		})
		owned := w.watch("cards with an owner", func(ctx context.Context, c *o2o.Client) string {
			return sorted(c.Card.Query().Where(card.HasOwner()).IDsX(ctx))
		})
		owner := w.watch("owner of a card", func(ctx context.Context, c *o2o.Client) string {
			return show(c.Card.Query().Where(card.ID(1)).QueryOwner().AllX(ctx), func(u *o2o.User) string { return u.Name })
		})
		check := func() {
			t.Helper()
			cards.changed()
			owned.right()
			owner.right()
		}
		w.cached.User.UpdateOneID(1).SetCardID(1).ExecX(ctx)
		check()
		require.Equal(t, "[user 1]", owner.last)
		w.cached.User.UpdateOneID(1).ClearCard().ExecX(ctx)
		check()
		w.cached.User.UpdateOneID(1).SetCardID(2).ExecX(ctx)
		check()
		w.cached.User.UpdateOneID(1).ClearCard().SetCardID(1).ExecX(ctx)
		check()
		w.cached.Card.UpdateOneID(1).SetOwnerID(3).ExecX(ctx)
		check()
		w.cached.Card.UpdateOneID(1).ClearOwner().ExecX(ctx)
		check()
		w.cached.User.Create().SetName("new").SetCardID(3).ExecX(ctx)
		check()

		spouses := w.watch("spouses", func(ctx context.Context, c *o2o.Client) string {
			return show(c.User.Query().WithSpouse().AllX(ctx), func(u *o2o.User) string {
				if u.Edges.Spouse == nil {
					return fmt.Sprint(u.ID)
				}
				return fmt.Sprint(u.ID, "+", u.Edges.Spouse.ID)
			})
		})
		of2 := w.watch("spouse of 2", func(ctx context.Context, c *o2o.Client) string {
			return sorted(c.User.Query().Where(user.ID(2)).QuerySpouse().IDsX(ctx))
		})
		w.cached.User.UpdateOneID(1).SetSpouseID(2).ExecX(ctx)
		spouses.changed()
		of2.changed()
		w.cached.User.UpdateOneID(2).ClearSpouse().ExecX(ctx)
		spouses.changed()
		of2.changed()
		w.cached.User.Create().SetName("bride").SetSpouseID(2).ExecX(ctx)
		spouses.changed()
		of2.changed()

		list := w.watch("linked list", func(ctx context.Context, c *o2o.Client) string {
			return show(c.Node.Query().WithNext().WithPrev().AllX(ctx), func(n *o2o.Node) string {
				s := fmt.Sprint(n.Value)
				if n.Edges.Next != nil {
					s += fmt.Sprint(">", n.Edges.Next.Value)
				}
				if n.Edges.Prev != nil {
					s += fmt.Sprint("<", n.Edges.Prev.Value)
				}
				return s
			})
		})
		heads := w.watch("heads", func(ctx context.Context, c *o2o.Client) string {
			return sorted(c.Node.Query().Where(node.Not(node.HasPrev())).IDsX(ctx))
		})
		w.cached.Node.UpdateOneID(1).SetNextID(2).ExecX(ctx)
		list.changed()
		heads.changed()
		w.cached.Node.UpdateOneID(3).SetPrevID(2).ExecX(ctx)
		list.changed()
		heads.changed()
		w.cached.Node.UpdateOneID(2).ClearPrev().ExecX(ctx)
		list.changed()
		heads.changed()
		w.cached.Node.DeleteOneID(2).ExecX(ctx)
		list.changed()
		heads.changed()
	})
}

// M2M from both ends, to the own type, symmetric and not.
func TestTrap_T11_ManyToManyFromBothEnds(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newO2O(t, name)
		ctx := t.Context()
		graph := w.watch("graph", func(ctx context.Context, c *o2o.Client) string {
			return show(c.User.Query().WithFriends().WithFollowers().WithFollowing().AllX(ctx), func(u *o2o.User) string {
				id := func(u *o2o.User) string { return fmt.Sprint(u.ID) }
				return fmt.Sprint(u.ID, show(u.Edges.Friends, id), show(u.Edges.Followers, id), show(u.Edges.Following, id))
			})
		})
		friends := func(id int) *watch[*o2o.Client] {
			return w.watch(fmt.Sprint("friends of ", id), func(ctx context.Context, c *o2o.Client) string {
				return sorted(c.User.Query().Where(user.ID(id)).QueryFriends().IDsX(ctx))
			})
		}
		followers := w.watch("followers of 2", func(ctx context.Context, c *o2o.Client) string {
			return sorted(c.User.Query().Where(user.HasFollowingWith(user.ID(2))).IDsX(ctx))
		})
		of1, of2, of3 := friends(1), friends(2), friends(3)
		// Loading one user's edges depends on that end of the join rows alone.
		loaded := w.watch("loaded friends of 2", func(ctx context.Context, c *o2o.Client) string {
			return show(c.User.Query().Where(user.ID(2)).WithFriends().OnlyX(ctx).Edges.Friends, func(u *o2o.User) string { return u.Name })
		})
		w.cached.User.UpdateOneID(1).AddFriendIDs(2).ExecX(ctx)
		loaded.changed()
		graph.changed()
		of1.changed()
		of2.changed()
		of3.right()
		w.cached.User.UpdateOneID(3).AddFriendIDs(1).ExecX(ctx)
		of1.changed()
		of3.changed()
		w.cached.User.UpdateOneID(1).RemoveFriendIDs(2).ExecX(ctx)
		loaded.changed()
		of1.changed()
		of2.changed()
		graph.changed()
		w.cached.User.UpdateOneID(1).ClearFriends().ExecX(ctx)
		of1.changed()
		of3.changed()
		graph.changed()
		w.cached.User.UpdateOneID(1).AddFollowingIDs(2).ExecX(ctx)
		followers.changed()
		graph.changed()
		w.cached.User.UpdateOneID(2).AddFollowerIDs(3, 4).ExecX(ctx)
		followers.changed()
		graph.changed()
		w.cached.User.UpdateOneID(2).RemoveFollowerIDs(1).ExecX(ctx)
		followers.changed()
		graph.changed()
		w.cached.User.Update().Where(user.IDIn(3, 4)).ClearFollowing().ExecX(ctx)
		followers.changed()
		graph.changed()
		w.cached.User.Create().SetName("new").AddFollowingIDs(2).AddFriendIDs(1).ExecX(ctx)
		followers.changed()
		of1.changed()
		graph.changed()
		w.cached.User.CreateBulk(
			w.cached.User.Create().SetName("b1").AddFollowingIDs(2),
			w.cached.User.Create().SetName("b2").AddFriendIDs(1),
		).ExecX(ctx)
		followers.changed()
		of1.changed()
		w.cached.User.DeleteOneID(5).ExecX(ctx)
		followers.changed()
		of1.changed()
	})
}

// A type without a policy isn't cached, and its writes invalidate what is.
func TestTrap_MutationsOfTypesWithoutMixinInvalidate(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newO2O(t, name)
		ctx := t.Context()
		x := w.watch("posts with a category", func(ctx context.Context, c *o2o.Client) string {
			return sorted(c.Post.Query().Where(post.HasCategory()).IDsX(ctx))
		})
		root := w.cached.Category.Create().SetName("root").SaveX(ctx)
		w.cached.Post.UpdateOneID(1).SetCategory(root).ExecX(ctx)
		x.changed()
		w.cached.Category.DeleteOne(root).ExecX(ctx)
		x.changed()
		bypasses(t, ctx, noPolicy, func(ctx context.Context) { w.cached.Category.Query().AllX(ctx) })
	})
}

// M2M edges through edge schemas: the hook of the join type doesn't run for
// writes to the edge, and the other way round.
func TestTrap_T11_EdgeSchemas(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newWorld(t, name, func(d dialect.Driver) *edgeschema.Client { return edgeschema.NewClient(edgeschema.Driver(d)) },
			func(c *edgeschema.Client) error { return c.Schema.Create(t.Context()) })
		ctx, c := t.Context(), w.plain
		for i := range 3 {
			c.User.Create().SetName(fmt.Sprint("user ", i+1)).ExecX(ctx)
			c.Group.Create().SetName(fmt.Sprint("group ", i+1)).ExecX(ctx)
			c.Role.Create().SetName(fmt.Sprint("role ", i+1)).ExecX(ctx)
		}
		groups := w.watch("groups of users", func(ctx context.Context, c *edgeschema.Client) string {
			return show(c.User.Query().WithGroups().WithMemberships().AllX(ctx), func(u *edgeschema.User) string {
				return fmt.Sprint(u.ID, ":", len(u.Edges.Groups), len(u.Edges.Memberships))
			})
		})
		active := w.watch("active memberships of user 1", func(ctx context.Context, c *edgeschema.Client) string {
			return show(c.Membership.Query().Where(membership.UserID(1), membership.Active(true)).AllX(ctx), func(m *edgeschema.Membership) string {
				return fmt.Sprint(m.UserID, m.GroupID)
			})
		})
		one := w.watch("one membership", func(ctx context.Context, c *edgeschema.Client) string {
			return show(c.Membership.Query().Where(membership.UserID(1), membership.GroupID(1)).AllX(ctx), func(m *edgeschema.Membership) string {
				return fmt.Sprint(m.Active)
			})
		})
		members := w.watch("members of group 1", func(ctx context.Context, c *edgeschema.Client) string {
			return sorted(c.Group.GetX(ctx, 1).QueryUsers().IDsX(ctx))
		})
		w.cached.User.UpdateOneID(1).AddGroupIDs(1).ExecX(ctx)
		groups.changed()
		active.changed()
		one.changed()
		members.changed()
		w.cached.Membership.Create().SetUserID(1).SetGroupID(2).ExecX(ctx)
		groups.changed()
		active.changed()
		w.cached.Membership.Update().Where(membership.UserID(1), membership.GroupID(1)).SetActive(false).ExecX(ctx)
		active.changed()
		one.changed()
		m := w.plain.Membership.Query().Where(membership.UserID(1), membership.GroupID(2)).OnlyX(ctx)
		w.cached.Membership.UpdateOne(m).SetActive(false).ExecX(ctx)
		active.changed()
		w.cached.Membership.Update().Where(membership.UserID(1), membership.GroupID(2)).SetUserID(2).SetActive(true).ExecX(ctx)
		groups.changed()
		w.cached.Membership.Create().SetUserID(1).SetGroupID(1).OnConflictColumns(conflict(name, "user_id", "group_id")...).
			UpdateNewValues().ExecX(ctx)
		active.changed()
		one.changed()
		w.cached.Group.UpdateOneID(1).AddUserIDs(3).ExecX(ctx)
		members.changed()
		w.cached.Group.UpdateOneID(1).RemoveUserIDs(1).ExecX(ctx)
		members.changed()
		one.changed()
		active.changed()
		w.cached.Membership.Delete().Where(membership.UserID(3)).ExecX(ctx)
		members.changed()
		groups.changed()
		w.cached.User.UpdateOneID(1).AddGroupIDs(1, 2, 3).ExecX(ctx)
		one.changed()
		active.changed()
		members.changed()
		w.cached.Group.UpdateOneID(1).ClearUsers().ExecX(ctx)
		active.changed()
		one.changed()
		groups.changed()

		friends := w.watch("friends of user 1", func(ctx context.Context, c *edgeschema.Client) string {
			return sorted(c.User.Query().Where(esuser.ID(1)).QueryFriends().IDsX(ctx))
		})
		ships := w.watch("friendships", func(ctx context.Context, c *edgeschema.Client) string {
			return show(c.Friendship.Query().AllX(ctx), func(f *edgeschema.Friendship) string {
				return fmt.Sprint(f.UserID, f.FriendID, f.Weight)
			})
		})
		ship := w.watch("friendship by id", func(ctx context.Context, c *edgeschema.Client) string {
			return show(c.Friendship.Query().Where(friendship.ID(1)).AllX(ctx), func(f *edgeschema.Friendship) string {
				return fmt.Sprint(f.UserID, f.FriendID, f.Weight)
			})
		})
		w.cached.User.UpdateOneID(1).AddFriendIDs(2).ExecX(ctx)
		friends.changed()
		ships.changed()
		ship.changed()
		w.cached.Friendship.Update().Where(friendship.UserID(1)).AddWeight(2).ExecX(ctx)
		ships.changed()
		ship.changed()
		friends.right()
		w.cached.User.UpdateOneID(2).RemoveFriendIDs(1).ExecX(ctx)
		friends.changed()
		ships.changed()
		ship.changed()
		w.cached.Friendship.Create().SetUserID(1).SetFriendID(3).ExecX(ctx)
		friends.changed()
		ships.changed()
		w.cached.User.UpdateOneID(3).ClearFriends().ExecX(ctx)
		friends.changed()
		ships.changed()

		roles := w.watch("users with roles", func(ctx context.Context, c *edgeschema.Client) string {
			return show(c.User.Query().WithRoles().AllX(ctx), func(u *edgeschema.User) string { return fmt.Sprint(u.ID, len(u.Edges.Roles)) })
		})
		w.cached.RoleUser.Create().SetUserID(1).SetRoleID(1).ExecX(ctx)
		roles.changed()
		w.cached.Role.UpdateOneID(2).AddUserIDs(1, 2).ExecX(ctx)
		roles.changed()
		w.cached.RoleUser.Delete().Where(roleuser.UserID(1), roleuser.RoleID(1)).ExecX(ctx)
		roles.changed()
		w.cached.User.UpdateOneID(2).ClearRoles().ExecX(ctx)
		roles.changed()
	})
}

// conflict returns the columns of a conflict clause; MySQL takes none.
func conflict(name string, columns ...string) []string {
	if name == dialect.MySQL {
		return nil
	}
	return columns
}
