# SPDX-License-Identifier: MIT
# A plot of the figures of threads.c: gnuplot -c threads.gp FIGURES SVG
set terminal svg size 720,460 font 'sans-serif,13' background rgb 'white'
set output ARG2
set title 'Threads that count: median, minimum, maximum'
set xlabel 'threads'
set ylabel 'ns of CPU time per increment'
set logscale x 2
set logscale y 10
set xrange [0.9:8.9]
set yrange [*:100<*]
set xtics (1, 2, 4, 8)
set grid ytics linetype 1 linewidth 0.7 linecolor rgb '#cccccc'
set border 3
set tics nomirror
set key below horizontal
set style data yerrorlines
plot ARG1 using 1:11:12:13 title 'one mutex' lw 2 pt 7 ps 0.6 lc rgb '#d55e00', \
     ARG1 using 1:8:9:10 title 'one atomic' lw 2 pt 5 ps 0.6 lc rgb '#e69f00', \
     ARG1 using 1:5:6:7 title 'sharded atomic' lw 2 pt 9 ps 0.6 lc rgb '#0072b2', \
     ARG1 using 1:2:3:4 title 'percpu\_inc' lw 2 pt 13 ps 0.6 lc rgb '#009e73'
