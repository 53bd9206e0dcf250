package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/entcache/ent-cache/internal/testdb"
	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
)

func mariadb() server {
	return server{
		name:     "MariaDB",
		dialect:  "mysql",
		env:      testdb.MySQLEnv,
		packages: []string{"mariadb-server"},
		users:    []string{"mysql"},
		ping:     pingSQL("mysql"),
		find:     func() (programs, error) { return findMariaDB([]string{"/usr/sbin", "/usr/local/sbin"}) },
		init:     initMariaDB,
		command:  mariadbCommand,
		stop:     syscall.SIGTERM,
		dsn: func(in *instance) string {
			return fmt.Sprintf("entcache:%s@tcp(127.0.0.1:%d)/?parseTime=true", in.password, in.port)
		},
	}
}

// findMariaDB looks on the PATH, then in the folders, which a user's PATH often
// lacks.
func findMariaDB(dirs []string) (programs, error) {
	found := programs{}
	for _, name := range []string{"mariadbd", "mariadb-install-db"} {
		path, err := exec.LookPath(name)
		for _, dir := range dirs {
			if err != nil {
				path, err = exec.LookPath(filepath.Join(dir, name))
			}
		}
		if err != nil {
			if len(found) == 0 {
				return nil, errors.New("it isn't installed")
			}
			return nil, fmt.Errorf("mariadbd is installed, %s isn't", name)
		}
		found[name] = path
	}
	return found, nil
}

func initMariaDB(ctx context.Context, in *instance) error {
	if err := in.mkdir(in.path("tmp")); err != nil {
		return err
	}
	if _, err := in.write("init.sql", "CREATE USER IF NOT EXISTS 'entcache'@'127.0.0.1' IDENTIFIED BY '"+in.password+"';\n"+
		"GRANT ALL PRIVILEGES ON *.* TO 'entcache'@'127.0.0.1' WITH GRANT OPTION;\n"); err != nil {
		return err
	}
	return in.tool(ctx, in.programs["mariadb-install-db"], "--no-defaults", "--datadir="+in.path("data"),
		"--skip-test-db", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0")
}

func mariadbCommand(in *instance) []string {
	return []string{in.programs["mariadbd"], "--no-defaults", "--datadir=" + in.path("data"), "--tmpdir=" + in.path("tmp"),
		"--init-file=" + in.path("init.sql"),
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(in.port),
		// Relative to the data folder: the path of a socket must be short.
		"--socket=s", "--pid-file=" + in.path("pid"),
		"--skip-name-resolve", "--max-connections=200", "--character-set-server=utf8mb4", "--default-time-zone=+00:00",
		// The data needs to outlive nothing.
		"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--innodb-use-native-aio=0"}
}
