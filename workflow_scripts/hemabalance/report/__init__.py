"""Tables, figures and the HTML page that shows them."""
