"""Where counters live: the state that many calls share, with one owner and one short lock."""
