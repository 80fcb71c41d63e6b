package stream

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/streamspec/streamspec/reference/transport"
)

// The echo benchmarks have a raw client and a server that echoes: "ours" through a reader and a writer, "theirs" through the
// net.Conn itself, and "twin", which is theirs once more.

// echoOurs serves one connection through a reader and a writer.
func echoOurs(conn *net.TCPConn, size int) {
	ctx := context.Background()
	r, w, err := Over(transport.NewTCP, conn, DefaultLimit)
	if err != nil {
		panic(err)
	}
	buf := make([]byte, size)
	for {
		n, err := r.ReadInto(ctx, buf)
		if err != nil || n == 0 {
			break
		}
		if w.Write(buf[:n]) != nil || w.Drain(ctx) != nil {
			break
		}
	}
	w.Close()
	_ = w.WaitClosed(ctx)
}

// echoTheirs serves one connection without us.
func echoTheirs(conn *net.TCPConn, size int) {
	defer conn.Close()
	buf := make([]byte, size)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

// echoPairs connects n clients to a server each.
func echoPairs(b *testing.B, n, size int, serve func(*net.TCPConn, int)) (clients []*net.TCPConn, wait func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	var servers sync.WaitGroup
	for range n {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		clients = append(clients, client.(*net.TCPConn))
		servers.Go(func() { serve(server.(*net.TCPConn), size) })
	}
	return clients, func() {
		for _, c := range clients {
			c.Close()
		}
		servers.Wait()
	}
}

// sides runs the three sides of a benchmark.
func sides(b *testing.B, run func(b *testing.B, serve func(*net.TCPConn, int))) {
	b.Run("ours", func(b *testing.B) { run(b, echoOurs) })
	b.Run("theirs", func(b *testing.B) { run(b, echoTheirs) })
	b.Run("twin", func(b *testing.B) { run(b, echoTheirs) })
}

// pingPong sends a message and waits for its echo.
func pingPong(client net.Conn, message, reply []byte) {
	if _, err := client.Write(message); err != nil {
		panic(err)
	}
	if _, err := io.ReadFull(client, reply); err != nil {
		panic(err)
	}
}

// BenchmarkEchoPingPong has one message under way, on one processor.
func BenchmarkEchoPingPong(b *testing.B) {
	for _, size := range []int{64, 4096} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			sides(b, func(b *testing.B, serve func(*net.TCPConn, int)) {
				clients, wait := echoPairs(b, 1, size, serve)
				defer wait()
				message, reply := make([]byte, size), make([]byte, size)
				b.SetBytes(int64(size))
				for b.Loop() {
					pingPong(clients[0], message, reply)
				}
			})
		})
	}
}

// BenchmarkEchoMany has 64 connections with one message of 64 bytes under way each.
func BenchmarkEchoMany(b *testing.B) {
	sides(b, func(b *testing.B, serve func(*net.TCPConn, int)) {
		const size, connections = 64, 64
		clients, wait := echoPairs(b, connections, size, serve)
		defer wait()
		b.SetBytes(size)
		b.ResetTimer()
		var done sync.WaitGroup
		for i, c := range clients {
			n := b.N / connections
			if i < b.N%connections {
				n++
			}
			done.Go(func() {
				message, reply := make([]byte, size), make([]byte, size)
				for range n {
					pingPong(c, message, reply)
				}
			})
		}
		done.Wait()
		b.StopTimer()
	})
}

// BenchmarkEchoStream sends without waiting, 64 KiB at a time.
func BenchmarkEchoStream(b *testing.B) {
	sides(b, func(b *testing.B, serve func(*net.TCPConn, int)) {
		const size = 64 << 10
		clients, wait := echoPairs(b, 1, size, serve)
		defer wait()
		b.SetBytes(size)
		b.ResetTimer()
		go func() {
			message := make([]byte, size)
			for range b.N {
				if _, err := clients[0].Write(message); err != nil {
					panic(err)
				}
			}
		}()
		reply := make([]byte, size)
		for range b.N {
			if _, err := io.ReadFull(clients[0], reply); err != nil {
				panic(err)
			}
		}
		b.StopTimer()
	})
}
