//go:build ignore

package main

import (
	"log"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"

	"github.com/entcache/ent-cache/extension"
)

func main() {
	err := entc.Generate("./schema", &gen.Config{},
		entc.Extensions(extension.New(extension.EnforcedForeignKeys())),
	)
	if err != nil {
		log.Fatal("running ent codegen: ", err)
	}
}
