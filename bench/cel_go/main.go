// SPDX-License-Identifier: Apache-2.0

// The rules of bench_rules_eval_20 in cel-go, over the same figures: how often a second, on one core, all 20 are evaluated.
//
//	bench_rules_eval_20 --dump > figures.jsonl && cel_go figures.jsonl
//
// Programs are checked and optimised, figures are bound beforehand: timed is Program.Eval alone. Two ways of naming a figure: "map" as our rules do,
// calls["1h"] with calls a map(string, int); "flat", a variable of its own, calls_1h, which is the quickest way that cel-go has.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
)

const rounds = 11

type dump struct {
	Shape   string      `json:"shape"`
	Figures []string    `json:"figures"`
	Windows []string    `json:"windows"`
	True    int         `json:"true"`
	Rules   []string    `json:"rules"`
	Sets    [][]float64 `json:"sets"`
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func isCount(figure int) bool { return figure < 3 }

// flat is the name of a figure as a variable of its own.
func flat(figure, window string) string { return figure + "_" + window }

// figure is a value as CEL has it: an int or a double.
func figure(d *dump, set []float64, f, w int) any {
	v := set[f*len(d.Windows)+w]
	if isCount(f) {
		return int64(v)
	}
	return v
}

func bind(d *dump, set []float64, mapped bool) cel.Activation {
	vars := map[string]any{}
	for f, name := range d.Figures {
		if mapped && isCount(f) {
			m := map[string]int64{}
			for w, window := range d.Windows {
				m[window] = figure(d, set, f, w).(int64)
			}
			vars[name] = m
		} else if mapped {
			m := map[string]float64{}
			for w, window := range d.Windows {
				m[window] = figure(d, set, f, w).(float64)
			}
			vars[name] = m
		} else {
			for w, window := range d.Windows {
				vars[flat(name, window)] = figure(d, set, f, w)
			}
		}
	}
	a, err := cel.NewActivation(vars)
	fail(err)
	return a
}

func compile(d *dump, mapped bool) []cel.Program {
	var options []cel.EnvOption
	for f, name := range d.Figures {
		t := cel.DoubleType
		if isCount(f) {
			t = cel.IntType
		}
		if mapped {
			options = append(options, cel.Variable(name, cel.MapType(cel.StringType, t)))
			continue
		}
		for _, window := range d.Windows {
			options = append(options, cel.Variable(flat(name, window), t))
		}
	}
	options = append(options, cel.CrossTypeNumericComparisons(true))
	env, err := cel.NewEnv(options...)
	fail(err)
	var programs []cel.Program
	for _, text := range d.Rules {
		for _, name := range d.Figures {
			for _, window := range d.Windows {
				if !mapped {
					text = strings.ReplaceAll(text, name+`["`+window+`"]`, flat(name, window))
				}
			}
		}
		ast, issues := env.Compile(text)
		fail(issues.Err())
		p, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		fail(err)
		programs = append(programs, p)
	}
	return programs
}

// run evaluates all rules over all sets, once; it answers how many were true.
func run(programs []cel.Program, sets []cel.Activation) int {
	n := 0
	for _, set := range sets {
		for _, p := range programs {
			v, _, err := p.Eval(set)
			fail(err)
			if v.Value() == true {
				n++
			}
		}
	}
	return n
}

func measure(d *dump, mapped bool) {
	way := "flat"
	if mapped {
		way = "map"
	}
	programs := compile(d, mapped)
	var sets []cel.Activation
	for _, set := range d.Sets {
		sets = append(sets, bind(d, set, mapped))
	}
	var rates []float64
	for i := 0; i < rounds; i++ {
		from := time.Now()
		if n := run(programs, sets); n != d.True {
			fail(fmt.Errorf("%s: %d conditions are true here, %d there", d.Shape, n, d.True))
		}
		rates = append(rates, float64(len(sets))/time.Since(from).Seconds()/1e6)
	}
	sort.Float64s(rates)
	fmt.Printf("bench_rules_cel_go_%s_%s %.4f M/s p50 %.4f p99 %.4f n %d (best %.4f, wall time)\n", d.Shape, way, rates[rounds/2], rates[rounds/2],
		rates[0], rounds, rates[rounds-1])
}

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) != 2 {
		fail(fmt.Errorf("cel_go FILE: what bench_rules_eval_20 --dump prints"))
	}
	file, err := os.Open(os.Args[1])
	fail(err)
	in := bufio.NewScanner(file)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var d dump
		fail(json.Unmarshal(in.Bytes(), &d))
		measure(&d, true)
		measure(&d, false)
	}
	fail(in.Err())
}
