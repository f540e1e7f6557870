// tsdload: fast OpenTSDB write load generator (HTTP /api/put or telnet put). Prints one line of JSON.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	addr    = flag.String("addr", "127.0.0.1:31000", "target host:port")
	mode    = flag.String("mode", "http", "http | telnet")
	batch   = flag.Int("batch", 50, "points per HTTP request / per telnet write")
	conc    = flag.Int("conc", 8, "connections")
	points  = flag.Int64("points", 1000000, "points in total")
	gz      = flag.Bool("gzip", false, "gzip HTTP bodies (pre-compressed pool)")
	rate    = flag.Float64("rate", 0, "target points/s over all connections (0 = as fast as possible); latency is then from the scheduled time")
	query   = flag.String("query", "", "query string for /api/put, e.g. details or sync&details")
	sync_   = flag.Bool("sync", false, "telnet: send `version` after each batch and wait for the answer")
	sink    = flag.String("sink", "", "nulltsd address: wait until its /count grew by -points (delivery), up to -drain")
	drain   = flag.Duration("drain", 10*time.Second, "how long to wait for delivery")
	dur     = flag.Duration("maxtime", 15*time.Second, "stop sending after this long")
	series  = flag.Int("series", 1000, "number of series")
	ms      = flag.Bool("ms", false, "millisecond timestamps")
	apart   = flag.Bool("apart", false, "give each connection series of its own, each written once per instant (else all share -series)")
	hosts   = flag.String("hosts", "web", "how the host tags begin")
	label   = flag.String("label", "", "copied to the output")
	timeout = flag.Duration("timeout", 30*time.Second, "per-request timeout")
)

type patch struct{ ts, val int }
type payload struct {
	b       []byte
	patches []patch
	n       int
}

var metrics = []string{"sys.cpu.user", "sys.cpu.system", "sys.cpu.iowait", "sys.mem.used", "sys.net.bytes", "sys.disk.reads", "app.req.latency", "app.req.count", "jvm.gc.time", "jvm.heap.used"}
var dcs = []string{"us-east-1", "eu-west-1", "ap-south-1"}

func appendPoint(b []byte, i int, prefix string, now int64, r *rand.Rand) ([]byte, patch) {
	m := metrics[i%len(metrics)]
	host := fmt.Sprintf("%s%03d.prod.example.com", prefix, i/len(metrics))
	dc := dcs[i%len(dcs)]
	cpu := strconv.Itoa(i % 8)
	var p patch
	val := fmt.Sprintf("%02d.%04d", 10+r.Intn(90), r.Intn(10000))
	switch *mode {
	case "http":
		b = append(b, `{"metric":"`...)
		b = append(b, m...)
		b = append(b, `","timestamp":`...)
		p.ts = len(b)
		b = strconv.AppendInt(b, now, 10)
		b = append(b, `,"value":`...)
		p.val = len(b)
		b = append(b, val...)
		b = append(b, `,"tags":{"host":"`...)
		b = append(b, host...)
		b = append(b, `","dc":"`...)
		b = append(b, dc...)
		b = append(b, `","cpu":"`...)
		b = append(b, cpu...)
		b = append(b, `"}}`...)
	case "telnet":
		b = append(b, "put "...)
		b = append(b, m...)
		b = append(b, ' ')
		p.ts = len(b)
		b = strconv.AppendInt(b, now, 10)
		b = append(b, ' ')
		p.val = len(b)
		b = append(b, val...)
		b = append(b, " host="+host+" dc="+dc+" cpu="+cpu+"\n"...)
	}
	return b, p
}

func mkPayloads(id int) []*payload {
	r := rand.New(rand.NewSource(int64(id) + 7))
	now := time.Now().Unix()
	if *ms {
		now *= 1000
	}
	n := (*series + *batch - 1) / *batch
	if n < 8 {
		n = 8
	}
	ps := make([]*payload, n)
	k, count, prefix := id*37, *series, *hosts
	if *apart {
		k, count, prefix = 0, n**batch, fmt.Sprintf("%s-%02d-", *hosts, id)
	}
	for j := range ps {
		p := &payload{n: *batch}
		if *mode == "http" && *batch != 1 {
			p.b = append(p.b, '[')
		}
		for i := 0; i < *batch; i++ {
			if *mode == "http" && i > 0 {
				p.b = append(p.b, ',')
			}
			var pt patch
			p.b, pt = appendPoint(p.b, k%count, prefix, now, r)
			p.patches = append(p.patches, pt)
			k++
		}
		if *mode == "http" && *batch != 1 {
			p.b = append(p.b, ']')
		}
		if *mode == "http" && *gz {
			var zb bytes.Buffer
			zw, _ := gzip.NewWriterLevel(&zb, 6)
			zw.Write(p.b)
			zw.Close()
			p.b, p.patches = zb.Bytes(), nil
		}
		if *mode == "http" {
			path := "/api/put"
			q := ""
			if *query != "" {
				q = "?" + *query
			}
			h := "POST " + path + q + " HTTP/1.1\r\nHost: " + *addr + "\r\nUser-Agent: tsdload\r\nContent-Type: application/json\r\n"
			if *gz {
				h += "Content-Encoding: gzip\r\n"
			}
			h += "Content-Length: " + strconv.Itoa(len(p.b)) + "\r\n\r\n"
			for i := range p.patches {
				p.patches[i].ts += len(h)
				p.patches[i].val += len(h)
			}
			p.b = append([]byte(h), p.b...)
		}
		ps[j] = p
	}
	return ps
}

func (p *payload) touch(now int64, seed *uint32) {
	var tb [20]byte
	t := strconv.AppendInt(tb[:0], now, 10)
	for _, x := range p.patches {
		copy(p.b[x.ts:], t)
		*seed = *seed*1664525 + 1013904223
		v := *seed >> 16
		p.b[x.val+3] = '0' + byte(v%10)
		p.b[x.val+4] = '0' + byte(v/10%10)
	}
}

var sent, acked, errs, non2xx, shortTel atomic.Int64
var firstErr sync.Once
var firstErrS string

func note(e string) { firstErr.Do(func() { firstErrS = e }) }

func readResp(br *bufio.Reader) (int, bool, error) {
	line, err := br.ReadSlice('\n')
	if err != nil {
		return 0, true, err
	}
	if len(line) < 12 {
		return 0, true, fmt.Errorf("bad status line %q", line)
	}
	st, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, true, err
	}
	http10 := line[7] == '0'
	cl, chunked, closeC := -1, false, http10
	for {
		h, err := br.ReadSlice('\n')
		if err != nil {
			return 0, true, err
		}
		h = bytes.TrimRight(h, "\r\n")
		if len(h) == 0 {
			break
		}
		if c := h[0] | 0x20; c != 'c' && c != 't' {
			continue
		}
		lh := strings.ToLower(string(h))
		switch {
		case strings.HasPrefix(lh, "content-length:"):
			cl, _ = strconv.Atoi(strings.TrimSpace(lh[15:]))
		case strings.HasPrefix(lh, "transfer-encoding:"):
			chunked = strings.Contains(lh, "chunked")
		case strings.HasPrefix(lh, "connection:"):
			closeC = strings.Contains(lh, "close")
		}
	}
	if st == 204 || st == 304 || st/100 == 1 {
		return st, closeC, nil
	}
	if chunked {
		for {
			l, err := br.ReadSlice('\n')
			if err != nil {
				return 0, true, err
			}
			n, err := strconv.ParseInt(string(bytes.TrimSpace(l)), 16, 64)
			if err != nil {
				return 0, true, err
			}
			if _, err := br.Discard(int(n) + 2); err != nil {
				return 0, true, err
			}
			if n == 0 {
				break
			}
		}
	} else if cl > 0 {
		if _, err := br.Discard(cl); err != nil {
			return 0, true, err
		}
	} else if cl < 0 {
		io.Copy(io.Discard, br)
		closeC = true
	}
	return st, closeC, nil
}

func worker(id int, quota int64, start time.Time, lat *[]uint32, wg *sync.WaitGroup) {
	defer wg.Done()
	ps := pool[id]
	seed := uint32(id + 1)
	tick := int64(1)
	if *ms {
		tick = 1000
	}
	now := start.Unix() * tick
	var c net.Conn
	var br *bufio.Reader
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	perConn := *rate / float64(*conc)
	var done int64
	fails := 0
	for i := 0; done < quota; i++ {
		p := ps[i%len(ps)]
		if i%len(ps) == 0 {
			now += tick
		}
		p.touch(now, &seed)
		t0 := time.Now()
		if perConn > 0 {
			due := start.Add(time.Duration(float64(done) / perConn * 1e9))
			if d := time.Until(due); d > 0 {
				time.Sleep(d)
			}
			t0 = due
		}
		if time.Since(start) > *dur {
			return
		}
		if c == nil {
			var err error
			c, err = net.DialTimeout("tcp", *addr, 5*time.Second)
			if err != nil {
				errs.Add(1)
				note(err.Error())
				fails++
				if fails > 50 {
					return
				}
				time.Sleep(20 * time.Millisecond)
				continue
			}
			br = bufio.NewReaderSize(c, 16<<10)
			if *mode != "http" && !*sync_ {
				go func(r *bufio.Reader) { // drain error lines
					for {
						l, err := r.ReadSlice('\n')
						if err != nil {
							return
						}
						shortTel.Add(1)
						note("telnet reply: " + string(l))
					}
				}(br)
			}
		}
		_, err := c.Write(p.b)
		if err == nil {
			sent.Add(int64(p.n))
			if *mode == "http" {
				var st int
				var cl bool
				c.SetReadDeadline(time.Now().Add(*timeout))
				st, cl, err = readResp(br)
				if err == nil {
					if st/100 == 2 {
						acked.Add(int64(p.n))
					} else {
						non2xx.Add(1)
						note("status " + strconv.Itoa(st))
					}
					if cl {
						c.Close()
						c = nil
					}
				}
			} else if *sync_ {
				io.WriteString(c, "version\n")
				var l []byte
				for err == nil && !bytes.HasPrefix(l, []byte("Built on")) {
					l, err = br.ReadSlice('\n')
				}
				if err == nil {
					acked.Add(int64(p.n))
				}
			} else {
				acked.Add(int64(p.n))
			}
		}
		if err != nil {
			errs.Add(1)
			note(err.Error())
			c.Close()
			c = nil
			fails++
			if fails > 50 {
				return
			}
		}
		done += int64(p.n)
		*lat = append(*lat, uint32(time.Since(t0).Microseconds()))
	}
}

var pool [][]*payload

func sinkCount() (int64, error) {
	resp, err := http.Get("http://" + *sink + "/count")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var v struct{ Points int64 }
	err = json.NewDecoder(resp.Body).Decode(&v)
	return v.Points, err
}

func main() {
	flag.Parse()
	pool = make([][]*payload, *conc)
	for i := range pool {
		pool[i] = mkPayloads(i)
	}
	lats := make([][]uint32, *conc)
	per := *points / int64(*conc)
	for i := range lats {
		lats[i] = make([]uint32, 0, min(per/int64(*batch)+16, 1<<16))
	}
	var base int64
	if *sink != "" {
		var err error
		if base, err = sinkCount(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var wg sync.WaitGroup
	start := time.Now()
	for i := 0; i < *conc; i++ {
		wg.Add(1)
		go worker(i, per, start, &lats[i], &wg)
	}
	wg.Wait()
	el := time.Since(start)
	out := map[string]any{"label": *label, "mode": *mode, "batch": *batch, "conc": *conc, "gzip": *gz, "sent": sent.Load(), "acked": acked.Load(),
		"errors": errs.Load(), "non2xx": non2xx.Load(), "telnet_replies": shortTel.Load(), "secs": round(el.Seconds()), "pps": int64(float64(acked.Load()) / el.Seconds())}
	if *sink != "" {
		want := base + sent.Load()
		var got int64
		dl := time.Now().Add(*drain)
		last, lastN := time.Now(), int64(-1)
		for {
			got, _ = sinkCount()
			if got != lastN {
				last, lastN = time.Now(), got
			}
			if got >= want || time.Now().After(dl) || time.Since(last) > 4*time.Second {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		de := last.Sub(start) // up to the last point that arrived
		out["delivered"] = got - base
		out["deliver_secs"] = round(de.Seconds())
		out["deliver_pps"] = int64(float64(got-base) / de.Seconds())
	}
	var all []uint32
	for _, l := range lats {
		all = append(all, l...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	q := func(f float64) float64 {
		if len(all) == 0 {
			return 0
		}
		i := int(f * float64(len(all)))
		if i >= len(all) {
			i = len(all) - 1
		}
		return float64(all[i]) / 1000
	}
	out["requests"] = len(all)
	out["p50_ms"], out["p99_ms"], out["p999_ms"], out["max_ms"] = q(.5), q(.99), q(.999), q(1)
	if firstErrS != "" {
		out["first_error"] = firstErrS
	}
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	out["load_cpu_s"] = round(float64(ru.Utime.Sec+ru.Stime.Sec) + float64(ru.Utime.Usec+ru.Stime.Usec)/1e6)
	json.NewEncoder(os.Stdout).Encode(out)
}

func round(f float64) float64 { return float64(int64(f*1000+0.5)) / 1000 }
