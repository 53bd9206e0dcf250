package cache

import (
	"encoding/binary"
	"hash/maphash"
	"reflect"

	"entgo.io/ent"
)

// The key of a value is a hash that costs a tenth of one for which no two inputs
// with the same output can be found. So the value has the input with it, which is
// compared before it is served: two queries with one key would take turns, and
// neither is served the other's value. Keys are of this process, as values are.

var keySeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// valueKey puts together what decides the value of a query, in the fingerprint,
// and hashes it. It is false if the builder can't say.
//
// The querier is part of it. Ent's operations differ in the type of their result,
// and the one in the context is that of the outermost query: an interceptor that
// counts with the builder it was given does so under the operation All.
func (c *Cache) valueKey(sc *scope, b ValueBuilder, next ent.Querier, f *Fingerprint) (Key, bool) {
	querier := reflect.ValueOf(next)
	if querier.Kind() != reflect.Func {
		return Key{}, false
	}
	d := sc.driver
	buf := appendString(f.buf, c.opts.Namespace)
	buf = appendString(buf, sc.vary)
	f.query = len(buf)
	buf = appendString(buf, d.dialect)
	buf = appendString(buf, b.EntcacheContext().Op)
	buf = binary.BigEndian.AppendUint64(buf, d.database)
	buf = binary.BigEndian.AppendUint64(buf, uint64(querier.Pointer()))
	// Who asks for the cache gets children from it that others don't.
	asked := byte(0)
	if sc.asked {
		asked = 1
	}
	buf = append(buf, asked)
	f.head = len(buf)
	f.buf = binary.BigEndian.AppendUint64(buf, uint64(reflect.ValueOf(sc.typ).Pointer()))
	if !b.EntcacheFingerprint(f) {
		sc.noValue = f.Reason()
		return Key{}, false
	}
	var key Key
	binary.BigEndian.PutUint64(key[:], maphash.Bytes(keySeeds[0], f.buf))
	binary.BigEndian.PutUint64(key[8:], maphash.Bytes(keySeeds[1], f.buf))
	key[0] = key[0]&^ofExist | ofValues
	return key, true
}
