"""The spec sheet on paper and on screen: one document, written as HTML, Markdown and PDF."""
