/** A dataflow in lines: one a stage, with what it reads and from whom. */
import { type Graph, notes } from "./Graph.ts"

export const text = (graphs: ReadonlyArray<Graph>): string =>
  graphs
    .map(({ edges, missing, name, nodes }) => {
      const lines = nodes.flatMap((node, i) => {
        if (node.grain === undefined) return []
        const reads = [
          ...edges.filter((e) => e.to === i).map((e) => `${e.artefacts.join(", ")} ← ${nodes[e.from]?.name}`),
          ...missing.filter((m) => m.to === i).map((m) => `${m.artefacts.join(", ")} ← nothing makes it`),
        ]
        const said = notes(node)
        return [`  ${node.name} (${said.join("; ")})`, ...reads.map((r) => `    ${r}`)]
      })
      return [name, ...lines, ""].join("\n")
    })
    .join("\n")
