package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"time"
)

// A time is its seconds since 1970 (8 bytes), its nanoseconds (4 bytes) and its
// zone: one byte for the kind, and for the last two kinds what follows it.
const (
	zoneUTC   = 0
	zoneLocal = 1 // the reader's own: a driver that reads there says Local too
	zoneFixed = 2 // offset in seconds (4 bytes), name
	zoneNamed = 3 // offset (4 bytes), length of the abbreviation (1 byte), abbreviation, name in the tz database

	timeSizeMin = 8 + 4 + 1
)

// zoneMemo is the last zone met: a result's times mostly share one.
type zoneMemo struct {
	loc    *time.Location
	fixed  bool
	loaded *time.Location // the zone of that name, as a reader of the frame will find it
}

// look describes loc. The zone loaded is nil if there is none of its name.
func (m *zoneMemo) look(loc *time.Location, name string, offset int) {
	if m.loc == loc {
		return
	}
	*m = zoneMemo{loc: loc, fixed: isFixed(loc, name, offset)}
	if !m.fixed {
		m.loaded, _ = loadZone(loc.String())
	}
}

// isFixed reports whether loc is what time.FixedZone returns for the name and
// offset. A zone of the tz database may share both, and goes on to other
// offsets elsewhere in time.
func isFixed(loc *time.Location, name string, offset int) bool {
	return reflect.DeepEqual(loc, time.FixedZone(name, offset))
}

// loadZone returns the zone of a name in the tz database.
func loadZone(name string) (*time.Location, bool) {
	switch name {
	case "", "UTC", "Local":
		return nil, false
	}
	loc, err := time.LoadLocation(name)
	return loc, err == nil
}

// instant appends a time up to the kind of its zone, which so many bytes follow.
func (w *encoder) instant(t time.Time, more int, kind byte) error {
	if err := w.enc.EncodeExtHeader(extTime, timeSizeMin+more); err != nil {
		return err
	}
	w.uint64(uint64(t.Unix()))
	w.uint32(uint32(t.Nanosecond()))
	w.b = append(w.b, kind)
	return nil
}

func (w *encoder) time(t time.Time) error {
	loc := t.Location()
	switch loc {
	case time.UTC:
		return w.instant(t, 0, zoneUTC)
	case time.Local:
		return w.instant(t, 0, zoneLocal)
	}
	abbr, offset := t.Zone()
	w.zones.look(loc, abbr, offset)
	name := loc.String()
	if int(int32(offset)) != offset || len(abbr) > math.MaxUint8 || len(name) > math.MaxUint8 {
		return fmt.Errorf("%w: the time zone %.300q", ErrValue, name)
	}
	if w.zones.fixed {
		if err := w.instant(t, 4+len(name), zoneFixed); err != nil {
			return err
		}
		w.uint32(uint32(int32(offset)))
		w.b = append(w.b, name...)
		return nil
	}
	if w.zones.loaded == nil || !inZone(t, w.zones.loaded, abbr, offset) {
		return fmt.Errorf("%w: the time zone %q isn't the tz database's", ErrValue, name)
	}
	if err := w.instant(t, 4+1+len(abbr)+len(name), zoneNamed); err != nil {
		return err
	}
	w.uint32(uint32(int32(offset)))
	w.b = append(w.b, byte(len(abbr)))
	w.b = append(w.b, abbr...)
	w.b = append(w.b, name...)
	return nil
}

func inZone(t time.Time, loc *time.Location, abbr string, offset int) bool {
	a, o := t.In(loc).Zone()
	return a == abbr && o == offset
}

func (d *decoder) time(b []byte) (time.Time, error) {
	if len(b) < timeSizeMin {
		return time.Time{}, corrupt("a time of %d bytes", len(b))
	}
	sec, nsec, kind := int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:]), b[12]
	if nsec >= 1e9 {
		return time.Time{}, corrupt("a time of %d nanoseconds", nsec)
	}
	t := time.Unix(sec, int64(nsec))
	b = b[timeSizeMin:]
	switch {
	case kind == zoneUTC && len(b) == 0:
		return t.UTC(), nil
	case kind == zoneLocal && len(b) == 0:
		return t, nil
	case kind == zoneFixed && len(b) >= 4:
		return t.In(d.zones.fixedZone(b[4:], int(int32(binary.BigEndian.Uint32(b))))), nil
	case kind == zoneNamed && len(b) >= 5 && len(b) > 5+int(b[4]):
		offset, abbr, name := int(int32(binary.BigEndian.Uint32(b))), string(b[5:5+int(b[4])]), b[5+int(b[4]):]
		loc := d.zones.namedZone(name)
		if loc == nil || !inZone(t, loc, abbr, offset) || isFixed(loc, abbr, offset) {
			return time.Time{}, corrupt("the time zone %q isn't the same here", name)
		}
		return t.In(loc), nil
	default:
		return time.Time{}, corrupt("a time zone of kind %d in %d bytes", kind, len(b))
	}
}

// decodedZones are the last zones met.
type decodedZones struct {
	fixed       *time.Location
	fixedName   string
	fixedOffset int
	named       *time.Location
	namedName   string
}

func (z *decodedZones) fixedZone(name []byte, offset int) *time.Location {
	if z.fixed == nil || z.fixedName != string(name) || z.fixedOffset != offset {
		z.fixedName, z.fixedOffset = string(name), offset
		z.fixed = time.FixedZone(z.fixedName, offset)
	}
	return z.fixed
}

func (z *decodedZones) namedZone(name []byte) *time.Location {
	if z.named == nil || z.namedName != string(name) {
		z.namedName = string(name)
		z.named, _ = loadZone(z.namedName)
	}
	return z.named
}
