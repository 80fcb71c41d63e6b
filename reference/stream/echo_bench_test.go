package stream

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

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

// rounds compares the three sides: in each iteration every side has a short round of ops operations over new connections,
// in changing order. It reports the median of each side's time for an operation, and how quick ours and, to show the
// noise, the twin are compared with theirs in the same iteration: the median of the ratios and, of the twin, its quartiles.
func rounds(b *testing.B, connections, size, ops int, run func(clients []*net.TCPConn, ops int)) {
	sides := []func(*net.TCPConn, int){echoOurs, echoTheirs, echoTheirs}
	var times [3][]float64
	var ours, twin []float64
	for i := 0; b.Loop(); i++ {
		var took [3]float64
		for j := range sides {
			side := (i + j) % len(sides)
			clients, wait := echoPairs(b, connections, size, sides[side])
			run(clients, ops/10) // to warm up
			begun := time.Now()
			run(clients, ops)
			took[side] = float64(time.Since(begun)) / float64(ops)
			times[side] = append(times[side], took[side])
			wait()
		}
		ours = append(ours, took[1]/took[0])
		twin = append(twin, took[1]/took[2])
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(quantile(times[0], 0.5), "ours-ns")
	b.ReportMetric(quantile(times[1], 0.5), "theirs-ns")
	b.ReportMetric(quantile(ours, 0.5), "ours")
	b.ReportMetric(quantile(twin, 0.5), "twin")
	b.ReportMetric(quantile(twin, 0.25), "twin-q1")
	b.ReportMetric(quantile(twin, 0.75), "twin-q3")
}

func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	return values[int(q*float64(len(values)-1))]
}

// pingPongs sends messages and waits for the echo of each.
func pingPongs(client net.Conn, size, n int) {
	message, reply := make([]byte, size), make([]byte, size)
	for range n {
		if _, err := client.Write(message); err != nil {
			panic(err)
		}
		if _, err := io.ReadFull(client, reply); err != nil {
			panic(err)
		}
	}
}

// BenchmarkEchoPingPong has one message under way, on one processor.
func BenchmarkEchoPingPong(b *testing.B) {
	for _, size := range []int{64, 4096} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			rounds(b, 1, size, 1000, func(clients []*net.TCPConn, ops int) { pingPongs(clients[0], size, ops) })
		})
	}
}

// BenchmarkEchoMany has 64 connections with one message of 64 bytes under way each.
func BenchmarkEchoMany(b *testing.B) {
	rounds(b, 64, 64, 6400, func(clients []*net.TCPConn, ops int) {
		var done sync.WaitGroup
		for _, c := range clients {
			done.Go(func() { pingPongs(c, 64, ops/len(clients)) })
		}
		done.Wait()
	})
}

// BenchmarkEchoStream sends without waiting, 64 KiB at a time.
func BenchmarkEchoStream(b *testing.B) {
	const size = 64 << 10
	rounds(b, 1, size, 200, func(clients []*net.TCPConn, ops int) {
		go func() {
			message := make([]byte, size)
			for range ops {
				if _, err := clients[0].Write(message); err != nil {
					panic(err)
				}
			}
		}()
		reply := make([]byte, size)
		for range ops {
			if _, err := io.ReadFull(clients[0], reply); err != nil {
				panic(err)
			}
		}
	})
}
