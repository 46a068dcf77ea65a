//! A page of a long list, asked of the database: filters and the place of the cursor become conditions over compound
//! indexes, so that the last page costs what the first one does. Nothing is skipped and nothing is counted.

use domain::list::ListQuery;
use serde_json::{Map, Value};

use crate::database::Query;

/// Most values after `IN` that the engine looks up in an index, one by one. For more of them it reads the whole table.
pub(crate) const AT_ONCE: usize = 32;

/// A column by which a list may be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The word in [`ListQuery::sort`].
    pub(crate) key: &'static str,
    pub(crate) column: &'static str,
    pub(crate) is_number: bool,
}

/// The order that a query names; the first one if it names none.
pub(crate) fn order(orders: &[Order], query: &ListQuery) -> Order {
    let named = orders.iter().find(|order| order.key == query.sort).or(orders.first());
    named.copied().unwrap_or(Order { key: "name", column: "name", is_number: false })
}

/// The conditions of a list whose rows have a unique `name`.
#[derive(Default)]
pub(crate) struct Listed {
    conditions: Vec<String>,
    bindings: Map<String, Value>,
}

impl Listed {
    /// Only rows of which the condition holds; it names the value by `$` and the name.
    pub(crate) fn only(&mut self, condition: &str, name: &str, value: impl Into<Value>) {
        self.conditions.push(condition.to_owned());
        self.bindings.insert(name.to_owned(), value.into());
    }

    /// The same for a condition without a value.
    pub(crate) fn only_if(&mut self, condition: &str) {
        self.conditions.push(condition.to_owned());
    }

    /// Only rows whose column has the value of the filter, if one is set.
    pub(crate) fn filter(&mut self, query: &ListQuery, key: &str, column: &str) {
        if let Some(value) = query.filter(key) {
            self.only(&format!("{column} = $is_{key}"), &format!("is_{key}"), value);
        }
    }

    /// The rows behind the cursor, one more than the limit: its presence tells that there is a next page.
    pub(crate) fn page(
        mut self,
        columns: &str,
        table: &str,
        order: Order,
        query: &ListQuery,
        limit: u32,
    ) -> Query {
        let (behind, direction) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
        let text = query.text.trim().to_lowercase();
        if !text.is_empty() {
            self.only("string::contains(name, $text)", "text", text);
        }
        let column = order.column;
        match place(order, &query.after) {
            Some((_, name)) if column == "name" => {
                self.only(&format!("name {behind} $after_name"), "after_name", name);
            }
            Some((value, name)) => {
                self.only(&format!("{column} {behind}= $after_value"), "after_value", value);
                let further = format!("({column} {behind} $after_value OR name {behind} $after_name)");
                self.only(&further, "after_name", name);
            }
            None => {}
        }
        let conditions = match self.conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", self.conditions.join(" AND ")),
        };
        let by = match column {
            "name" => format!("name {direction}"),
            _ => format!("{column} {direction}, name {direction}"),
        };
        let rows = limit.saturating_add(1);
        let text = format!("SELECT {columns} FROM {table}{conditions} ORDER BY {by} LIMIT {rows}");
        Query::new(text, Value::Object(self.bindings))
    }
}

/// The cursor of a row: the value it is sorted by, and its name.
pub(crate) fn cursor(value: impl std::fmt::Display, name: impl std::fmt::Display) -> String {
    format!("{value} {name}")
}

/// Reads a cursor back; what was never one is the beginning of the list.
fn place(order: Order, after: &str) -> Option<(Value, String)> {
    let (value, name) = after.rsplit_once(' ')?;
    let value = match order.is_number {
        true => Value::from(value.parse::<i64>().ok()?),
        false => Value::from(value),
    };
    Some((value, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: [Order; 2] = [
        Order { key: "name", column: "name", is_number: false },
        Order { key: "created", column: "created_ms", is_number: true },
    ];

    #[test]
    fn a_cursor_comes_back_as_the_place_that_it_was() {
        assert_eq!(place(ORDERS[1], &cursor(-5, "demo")), Some((Value::from(-5), "demo".to_owned())));
        assert_eq!(place(ORDERS[0], &cursor("demo", "demo")), Some((Value::from("demo"), "demo".to_owned())));
        for never in ["", "demo", "x demo", "99999999999999999999 demo"] {
            assert_eq!(place(ORDERS[1], never), None, "{never}");
        }
    }

    #[test]
    fn an_unknown_order_is_the_usual_one() {
        let query = |sort: &str| ListQuery { sort: sort.to_owned(), ..ListQuery::default() };
        assert_eq!(order(&ORDERS, &query("created")), ORDERS[1]);
        assert_eq!(order(&ORDERS, &query("name; DELETE chain")), ORDERS[0]);
    }
}
