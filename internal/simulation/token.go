package simulation

import (
	"context"
	"encoding/base64"
	"slices"
	"sync"

	"github.com/entcache/ent-cache/cache"
)

// A token is of all caches of an operating system's process, and here those of
// several simulated ones share that. So the positions of the others are cut out
// of a token: it lists the caches in the order in which they were opened.
var opened struct {
	sync.Mutex
	caches []*cache.Cache
}

func openCache(o cache.Options) (*cache.Cache, error) {
	opened.Lock()
	defer opened.Unlock()
	c, err := cache.New(o)
	if err == nil {
		opened.caches = append(opened.caches, c)
	}
	return c, err
}

// closing takes a cache out of the list. Between that and its Close no token is
// made of any.
func closing(c *cache.Cache) {
	opened.Lock()
	defer opened.Unlock()
	opened.caches = slices.DeleteFunc(opened.caches, func(o *cache.Cache) bool { return o == c })
}

const positionSize = 16 + 8

// tokenOf returns the token of one process. It reports false if it can't be told
// from the others' at the moment.
func tokenOf(c *cache.Cache) (string, bool) {
	opened.Lock()
	defer opened.Unlock()
	b, err := base64.RawURLEncoding.DecodeString(cache.Token(context.Background())[1:])
	if err != nil || len(b) != 1+len(opened.caches)*positionSize {
		return "", false
	}
	i := slices.Index(opened.caches, c)
	own := append([]byte{1}, b[1+i*positionSize:1+(i+1)*positionSize]...)
	return "1" + base64.RawURLEncoding.EncodeToString(own), true
}
