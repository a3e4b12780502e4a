// Keeps one core busy until it is terminated: the "other CPU load" of the race test.
for (;;) Math.sqrt(Math.random());
