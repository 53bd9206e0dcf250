package faults

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo is a server that sends the prefix and then returns what it gets.
func echo(t *testing.T, prefix string) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, prefix)
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func newProxy(t *testing.T, target string) *Proxy {
	p, err := NewProxy(target)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func dial(t *testing.T, p *Proxy) net.Conn {
	c, err := net.Dial("tcp", p.Addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	return c
}

func say(t *testing.T, c net.Conn, s string) {
	_, err := io.WriteString(c, s)
	require.NoError(t, err)
}

func hear(t *testing.T, c net.Conn, s string) {
	b := make([]byte, len(s))
	_, err := io.ReadFull(c, b)
	require.NoError(t, err)
	require.Equal(t, s, string(b))
}

func silent(t *testing.T, c net.Conn) {
	require.NoError(t, c.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
}

func TestProxyPassesInPieces(t *testing.T) {
	p := newProxy(t, echo(t, "a:"))
	c := dial(t, p)
	hear(t, c, "a:")
	say(t, c, "hello")
	hear(t, c, "hello")
	p.Slice(1)
	p.Slow(time.Millisecond)
	say(t, c, "byte by byte")
	hear(t, c, "byte by byte")
	p.Heal()
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the end is passed on")
}

func TestProxyHoldsAndDeliversLate(t *testing.T) {
	p := newProxy(t, echo(t, "a:"))
	for _, side := range []struct{ up, down bool }{{true, false}, {false, true}, {true, true}} {
		c := dial(t, p)
		hear(t, c, "a:")
		p.Hold(side.up, side.down)
		say(t, c, "late")
		silent(t, c)
		p.Heal()
		hear(t, c, "late")
	}
}

func TestProxyHoldsMessages(t *testing.T) {
	p := newProxy(t, echo(t, "a:"))
	other, c := dial(t, p), dial(t, p)
	hear(t, other, "a:")
	hear(t, c, "a:")
	say(t, c, "SUBSCRIBE x")
	hear(t, c, "SUBSCRIBE x")
	p.HoldMessages()
	say(t, c, "late")
	silent(t, c)
	say(t, other, "at once")
	hear(t, other, "at once")
	p.Heal()
	hear(t, c, "late")
}

func TestProxyCuts(t *testing.T) {
	p := newProxy(t, echo(t, "a:"))
	c := dial(t, p)
	hear(t, c, "a:")
	p.Hold(true, true)
	say(t, c, "lost")
	p.Cut()
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	p.Heal()
	hear(t, dial(t, p), "a:")
}

func TestProxyLeadsElsewhere(t *testing.T) {
	p := newProxy(t, echo(t, "a:"))
	c := dial(t, p)
	hear(t, c, "a:")
	p.Retarget(echo(t, "b:"))
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	hear(t, dial(t, p), "b:")
}
