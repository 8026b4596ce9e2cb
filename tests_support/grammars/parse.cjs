// Reads [{"language": …, "text": …}, …] from standard input and prints, for each, where its grammar sees an error:
// a list of the texts from there on. lezer always makes a tree; what does not fit is an error node in it.
const parsers = {
  logql: require("@grafana/lezer-logql").parser,
  traceql: require("@grafana/lezer-traceql").parser,
  promql: require("@prometheus-io/lezer-promql").parser,
};

function errors({ language, text }) {
  const found = [];
  parsers[language].parse(text).iterate({
    enter(node) {
      if (node.type.isError) found.push(text.slice(node.from) || "the end");
    },
  });
  return found;
}

const queries = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(queries.map(errors)));
