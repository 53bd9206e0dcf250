package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/entcache/ent-cache/entcache"
)

// Artist makes albums.
type Artist struct{ ent.Schema }

// Mixin of the Artist.
func (Artist) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{TTL: time.Hour}}
}

// Fields of the Artist.
func (Artist) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").NotEmpty(),
	}
}

// Edges of the Artist.
func (Artist) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("albums", Album.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Album is a collection of tracks by one artist.
type Album struct{ ent.Schema }

// Mixin of the Album.
func (Album) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{}}
}

// Fields of the Album.
func (Album) Fields() []ent.Field {
	return []ent.Field{
		field.String("title").NotEmpty(),
		field.Time("released_at").Optional().Nillable(),
		field.Int("artist_id"),
	}
}

// Edges of the Album.
func (Album) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("artist", Artist.Type).Ref("albums").Field("artist_id").Unique().Required(),
		edge.To("tracks", Track.Type),
	}
}

// Genre is a style of music.
type Genre struct{ ent.Schema }

// Mixin of the Genre.
func (Genre) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{TTL: time.Hour}}
}

// Fields of the Genre.
func (Genre) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").NotEmpty().Unique(),
	}
}

// Edges of the Genre.
func (Genre) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("tracks", Track.Type),
	}
}

// MediaType is the file format of a track.
type MediaType struct{ ent.Schema }

// Mixin of the MediaType.
func (MediaType) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{TTL: time.Hour}}
}

// Fields of the MediaType.
func (MediaType) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").NotEmpty().Unique(),
	}
}

// Edges of the MediaType.
func (MediaType) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("tracks", Track.Type),
	}
}

// Track is a piece of music on sale.
type Track struct{ ent.Schema }

// Mixin of the Track.
func (Track) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{TTL: 10 * time.Minute, Groups: []string{"status"}, OldValues: true}}
}

// Fields of the Track.
func (Track) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").NotEmpty(),
		field.String("composer").Optional(),
		field.Int("milliseconds").Positive(),
		field.Int("bytes").Optional().Nillable(),
		field.Int64("unit_price").NonNegative().Comment("In cents."),
		field.Int("stock").Default(0),
		field.Enum("status").Values("draft", "available", "withdrawn").Default("available"),
		field.Time("updated_at").Default(time.Now).UpdateDefault(time.Now),
		field.Int("album_id").Optional(),
		field.Int("genre_id").Optional(),
		field.Int("media_type_id"),
	}
}

// Edges of the Track.
func (Track) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("album", Album.Type).Ref("tracks").Field("album_id").Unique(),
		edge.From("genre", Genre.Type).Ref("tracks").Field("genre_id").Unique(),
		edge.From("media_type", MediaType.Type).Ref("tracks").Field("media_type_id").Unique().Required(),
		edge.From("playlists", Playlist.Type).Ref("tracks"),
		edge.To("invoice_lines", InvoiceLine.Type),
	}
}

// Indexes of the Track.
func (Track) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("status", "name"),
	}
}

// Playlist is a list of tracks.
type Playlist struct{ ent.Schema }

// Mixin of the Playlist.
func (Playlist) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{MaxRows: 5000}}
}

// Fields of the Playlist.
func (Playlist) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").NotEmpty(),
	}
}

// Edges of the Playlist.
func (Playlist) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("tracks", Track.Type),
	}
}
